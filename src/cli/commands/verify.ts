import { Command, Option } from "commander";
import { HoldfastError } from "../../errors.ts";
import type { Depth } from "../../repository/evidence.ts";
import type { Subset } from "../../repository/subset.ts";
import type { Verdict } from "../../repository/verify.ts";
import { printable } from "../../io/printable.ts";
import type { Context } from "../context.ts";
import { addHelpSections } from "../help.ts";
import {
  addAllowedSignersFlag,
  addIdentityFlag,
  addSigningKeyFlag,
  readIdentities,
  readSign,
  readTrust,
} from "../flags/keys.ts";
import { formatOutput, outputOption, type OutputFormat } from "../texts/output.ts";
import { packageVersion } from "../package-version.ts";
import { addRepositoryFlags, eachRepository, repositorySettings } from "../flags/repository.ts";
import { humanSize } from "../texts/size.ts";
import { alignColumns } from "../texts/table.ts";
import { addTransferLimits, transferLimits } from "../flags/transfer-limits.ts";

/** What --read-data and --read-stored were given: nothing, a part, or an ID that was meant as an argument. */
type Part = string | true;

interface Flags {
  readonly listOnly: boolean;
  readonly readStored?: Part;
  readonly readData?: Part;
  readonly output: OutputFormat;
}

/** `holdfast verify`. */
export function verifyCommand(context: Context): Command {
  const command = new Command("verify")
    .description(
      "Proves backups at rest, all of a cluster or those named. --list-only: all objects are there, with their sizes. " +
        "--read-stored (the default): the stored bytes are those that were published, which needs no identity. --read-data: " +
        "they open, unpack, and hold to the last key what the manifest says, which needs the identity. A part of all is " +
        "read where one is given (3/10: the third of ten; 5%: those that have waited longest), the others are listed. With " +
        "--signing-key the result is recorded as evidence; only signed evidence counts when backups are pruned.",
    )
    .argument("[target...]", "IDs or enough of their beginnings, latest, or times (default: all)")
    .addOption(outputOption())
    .option("--list-only", "look only whether everything is there, with its size", false)
    .option("--read-stored [part]", "compare the SHA-256 of the stored bytes")
    .addOption(
      new Option("--read-data [part]", "open, unpack and inspect to the last key").conflicts([
        "readStored",
        "listOnly",
      ]),
    )
    .action((targets: string[], flags: Flags) => verify(targets, flags, command, context));
  addRepositoryFlags(command);
  addIdentityFlag(command);
  addAllowedSignersFlag(command);
  addSigningKeyFlag(command);
  addTransferLimits(command);
  return addHelpSections(command, { examples: EXAMPLES, failures: FAILURES });
}

const EXAMPLES = [
  {
    what: "On the backup host, which cannot read backups",
    command: "holdfast verify --repo /var/backups/etcd --allowed-signers allowed-signers",
  },
  {
    what: "Where the identity is: a tenth of all every night, on record",
    command:
      "holdfast verify --repo s3://backups/etcd --read-data=3/10 --identity identity.txt --allowed-signers allowed-signers --signing-key signing-key",
  },
  {
    what: "The newest one, now",
    command: "holdfast verify latest --repo s3://backups/etcd --read-data --identity identity.txt",
  },
];

const FAILURES = [
  "backup-damaged",
  "backup-unknown",
  "document-invalid",
  "no-identity-matches",
  "signature-missing",
  "signature-invalid",
  "signer-unknown",
  "store-not-there",
  "store-refused",
  "store-unreachable",
] as const;

interface Wanted {
  readonly depth: Depth;
  readonly subset: Subset | undefined;
  readonly targets: readonly string[];
}

async function wantedOf(targets: readonly string[], flags: Flags): Promise<Wanted> {
  const { parseSubset } = await import("../../repository/subset.ts");
  const part = flags.readData ?? flags.readStored ?? true;
  const depth = flags.readData ? "contents" : flags.listOnly ? "listed" : "stored";
  if (part === true) return { depth, subset: undefined, targets };
  // Without an equals sign the next word is taken for the part, also when it is an ID.
  if (!/[%/]/.test(part)) return { depth, subset: undefined, targets: [part, ...targets] };
  return { depth, subset: parseSubset(part), targets };
}

async function verify(
  targets: readonly string[],
  flags: Flags,
  command: Command,
  context: Context,
): Promise<void> {
  const settings = repositorySettings(command, context);
  const wanted = await wantedOf(targets, flags);
  const { signal, stdout } = context;
  const keys = {
    trust: await readTrust(command, context),
    sign: await readSign(command, context),
    identities: wanted.depth === "contents" ? await readIdentities(command, context) : undefined,
  };
  tellDoubts(keys, context);
  const { verifyCluster } = await import("../../repository/verify-cluster.ts");
  const limits = await transferLimits(command);
  const tool = `holdfast ${packageVersion()}`;
  const outcomes = await eachRepository(
    settings,
    context,
    async (repository) => {
      let bar: ReturnType<Context["progress"]> | undefined;
      const progress = (bytes: number, total: number): void =>
        (bar ??= context.progress("verifying", total)).update(bytes);
      const options = { ...wanted, ...keys, cluster: settings.cluster, tool, signal, progress };
      const found = await verifyCluster(repository, options).finally(() => bar?.[Symbol.dispose]());
      for (const { id, previous } of found.gaps.filter(({ state }) => state === "missing"))
        context.log.debug(`what came before ${id} is not there any more: ${previous}`);
      return { repository: repository.store.url, ...found };
    },
    { limits },
  );
  const { results } = outcomes;
  const documents = results.flatMap(({ repository, verdicts }) =>
    verdicts.map((verdict) => ({ repository, ...verdict })),
  );
  const text = (): string => resultText(results.flatMap(({ verdicts }) => verdicts));
  stdout.write(await formatOutput(flags.output, documents, text));
  for (const { verdicts } of results) requireProven(verdicts);
  outcomes.throwFailure();
}

function tellDoubts(
  { trust, sign }: { readonly trust: unknown; readonly sign: unknown },
  { log }: Context,
): void {
  if (trust === undefined)
    log.warn("without --allowed-signers signatures are not looked at: a forged backup looks good");
  if (sign === undefined)
    log.info(
      "nothing is recorded: there is no --signing-key, so this proof does not protect a backup",
    );
}

function resultText(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ id, depth, isProven, bytesRead }) => [
    isProven ? "ok" : "BAD",
    id,
    depth,
    humanSize(bytesRead),
  ]);
  const bad = verdicts.filter(({ isProven }) => !isProven);
  const faults = bad.flatMap(({ id, faults: all }) => [
    `${id}:`,
    ...all.map(({ code, message }) => printable(`  ${code}: ${message}`)),
  ]);
  return [
    ...alignColumns(rows, [3]),
    ...faults,
    `backups verified: ${verdicts.length}, bad: ${bad.length}`,
  ].join("\n");
}

/** Throws with the code of the first fault there is. */
function requireProven(verdicts: readonly Verdict[]): void {
  const bad = verdicts.filter(({ isProven }) => !isProven);
  const [fault] = bad[0]?.faults ?? [];
  if (fault === undefined) return;
  throw new HoldfastError(
    fault.code,
    bad.length === 1
      ? `a backup is not good: ${fault.message}`
      : `${bad.length} backups are not good, the first: ${fault.message}`,
  );
}
