import { Command, InvalidArgumentError, Option } from "commander";
import type { PrepareRequest } from "../../restore/from-repository.ts";
import type { RestorePlan } from "../../restore/plan.ts";
import { TARGET_VERSIONS, type TargetVersion } from "../../restore/target-version.ts";
import { parseByteCount } from "../flags/byte-count.ts";
import { requireConsent } from "../terminal/consent.ts";
import type { Context } from "../context.ts";
import { parseUint64 } from "../flags/go-integer.ts";
import { addHelpSections } from "../help.ts";
import { readIdentities } from "../flags/keys.ts";
import { addOpenFlags, openBackup, OPEN_FAILURES } from "../inputs/open-backup.ts";
import { formatOutput, outputOption, type OutputFormat } from "../texts/output.ts";
import { acceptFindingOption } from "../flags/accept-finding.ts";
import { addConsentFlag } from "../flags/repository.ts";
import { leftoverWarnings } from "../texts/restore-leftovers.ts";
import { planDocument, planText } from "../texts/restore-plan-text.ts";
import { restoredDocument, restoredText } from "../texts/restored-text.ts";
import { parseTargetVersion } from "../flags/target-version.ts";

interface Flags {
  readonly dataDir: string;
  readonly walDir?: string;
  readonly member?: string;
  readonly name?: string;
  readonly allMembers: boolean;
  readonly initialCluster?: string;
  readonly initialClusterToken?: string;
  readonly initialAdvertisePeerUrls?: string;
  readonly exactRevision: boolean;
  readonly bumpRevision?: bigint;
  readonly targetVersion?: TargetVersion;
  readonly keepAlarms: boolean;
  readonly keepDowngrade: boolean;
  readonly keepFreePages: boolean;
  readonly quotaBackendBytes: number;
  readonly acceptFinding: readonly string[];
  readonly identity?: readonly string[];
  readonly allowedSigners?: string;
  readonly skipSignatureCheck: boolean;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly output: OutputFormat;
}

/** `holdfast restore`. */
export function restoreCommand(context: Context): Command {
  const command = new Command("restore")
    .description(
      "Makes a data dir from a backup, for one member of a new cluster or for all: shows its plan, asks on a terminal, then " +
        "fetches, opens and proves the backup into a data dir that appears whole. Members and addresses come from the backup. " +
        "Safe for Kubernetes: the revision is raised past all that a client can have seen. What is there is kept aside, and " +
        "a data dir that a running etcd uses is refused.",
    )
    .argument("[target]", "latest, an ID or enough of its beginning, or a time (UTC)", "latest")
    .action((target: string, flags: Flags) => restore(target, flags, command, context));
  for (const option of [...placeOptions(), ...clusterOptions(), ...contentOptions()])
    command.addOption(option);
  addOpenFlags(command);
  command
    .addOption(acceptFindingOption())
    .option("--dry-run", "only print the plan", false)
    .addOption(outputOption());
  addConsentFlag(command);
  return addHelpSections(command, { examples: EXAMPLES, failures: FAILURES });
}

const EXAMPLES = [
  {
    what: "What would be done",
    command:
      "holdfast restore latest --repo /var/backups/etcd --data-dir /var/lib/etcd --identity identity.txt --allowed-signers allowed-signers --dry-run",
  },
  {
    what: "A cluster of one member, as it was on a certain evening",
    command:
      "holdfast restore 2026-11-24T18:00 --repo s3://backups/etcd --data-dir /var/lib/etcd --identity identity.txt --allowed-signers allowed-signers",
  },
  {
    what: "One member of three; the commands for the others are printed",
    command:
      "holdfast restore latest --repo s3://backups/etcd --data-dir /var/lib/etcd --member m1 --identity identity.txt --allowed-signers allowed-signers",
  },
  {
    what: "All members into folders, to carry them out",
    command:
      "holdfast restore latest --repo s3://backups/etcd --data-dir restored --all-members --identity identity.txt --allowed-signers allowed-signers",
  },
];

const FAILURES = [
  ...OPEN_FAILURES,
  "snapshot-damaged",
  "initial-cluster",
  "data-dir-occupied",
  "data-dir-in-use",
  "consent-missing",
  "no-space",
  "target-version",
] as const;

function placeOptions(): Option[] {
  return [
    new Option(
      "--data-dir <dir>",
      "where etcd looks for its data; with --all-members the folder for all data dirs",
    )
      .argParser(notEmpty)
      .makeOptionMandatory(),
    new Option("--wal-dir <dir>", "where etcd looks for its log (default: in the data dir)"),
    new Option("--member <name>", "whose data dir it is (default: the only member)"),
    new Option("--name <name>", "its name in the new cluster (default: as it was)").argParser(
      notEmpty,
    ),
    new Option("--all-members", "write the data dirs of all members").default(false),
  ];
}

/** A variable that is not set must not become the current folder, or a member that etcd does not start. */
function notEmpty(text: string): string {
  if (text !== "") return text;
  throw new InvalidArgumentError("It is empty.");
}

function clusterOptions(): Option[] {
  return [
    new Option(
      "--initial-cluster <members>",
      "all members, as name=url,name=url (default: as they were)",
    ),
    new Option(
      "--initial-cluster-token <token>",
      "names the new cluster, the same for all its members (default: a fresh one)",
    ),
    new Option(
      "--initial-advertise-peer-urls <urls>",
      "peer URLs of this member (default: as they were)",
    ),
    new Option(
      "--bump-revision <n>",
      "raise the revision by this much (default: past all that clients can have seen)",
    ).argParser(parseBump),
    new Option("--exact-revision", "leave the revision as it was").default(false),
  ];
}

function contentOptions(): Option[] {
  return [
    new Option(
      "--target-version <version>",
      `the etcd that the members will run (${TARGET_VERSIONS.join(", ")}), where that is older`,
    ).argParser(parseTargetVersion),
    new Option("--keep-alarms", "leave alarms of the old members raised").default(false),
    new Option("--keep-downgrade", "let a downgrade that was under way go on").default(false),
    new Option("--keep-free-pages", "never write the database anew").default(false),
    new Option(
      "--quota-backend-bytes <bytes>",
      "etcd's quota: a database of more than half of it, with many free pages, is written anew",
    )
      .argParser(parseByteCount)
      .default(2 * 2 ** 30, "2Gi"),
  ];
}

const BUMP_END = 1n << 62n;

function parseBump(text: string): bigint {
  const bump = parseUint64(text);
  if (bump > 0n && bump < BUMP_END) return bump;
  throw new InvalidArgumentError("It is no number of revisions.");
}

async function restore(
  target: string,
  flags: Flags,
  command: Command,
  context: Context,
): Promise<void> {
  const identities = flags.dryRun ? undefined : await readIdentities(command, context);
  await using found = await openBackup(target, command, context);
  const { prepareRestore, runRestore } = await import("../../restore/from-repository.ts");
  const { stdout, signal, log } = context;
  const plan = await prepareRestore(found, requestOf(flags), { trust: found.trust, signal, log });
  for (const warning of plan.places.flatMap(({ place }) => leftoverWarnings(place)))
    log.warn(warning);
  if (flags.dryRun)
    return void stdout.write(
      await formatOutput(flags.output, planDocument(plan), () => planText(plan)),
    );
  for (const line of planText(plan).split("\n")) log.info(line);
  await consent(plan, flags, context);
  using bar = context.progress("restoring", found.backup.manifest.snapshot.size);
  const restored = await runRestore(found, plan, {
    identities,
    acceptFindings: flags.acceptFinding,
    target: flags.targetVersion,
    signal,
    progress: (bytes) => bar.update(bytes),
  });
  bar[Symbol.dispose]();
  const result = { found, plan, restored, sameFlags: sameFlags(flags), keyFlags: keyFlags(flags) };
  stdout.write(
    await formatOutput(flags.output, restoredDocument(result), () => restoredText(result)),
  );
  for (const { severity, code, message } of restored.report.findings) {
    if (plan.drop.some((leftover) => TOLD_BY[leftover] === code)) continue;
    log.warn(severity === "error" ? `restored in spite of ${code}: ${message}` : message);
  }
}

/** Findings about what a snapshot brings back, unless the plan says that it is taken out. */
const TOLD_BY = { alarms: "alarm-raised", downgrade: "downgrade-enabled" } as const;

/** The files lie elsewhere there; what was not a flag here is a variable there too. */
function keyFlags({ identity, allowedSigners, skipSignatureCheck }: Flags): string[] {
  return [
    ...(identity === undefined ? [] : ["--identity=…"]),
    ...(allowedSigners === undefined ? [] : ["--allowed-signers=…"]),
    ...(skipSignatureCheck ? ["--skip-signature-check"] : []),
  ];
}

/** What the other members have to be restored with too, or their databases differ. */
function sameFlags(flags: Flags): string[] {
  return [
    ...(flags.keepAlarms ? ["--keep-alarms"] : []),
    ...(flags.keepDowngrade ? ["--keep-downgrade"] : []),
    ...(flags.targetVersion === undefined ? [] : [`--target-version=${flags.targetVersion}`]),
    ...flags.acceptFinding.map((code) => `--accept-finding=${code}`),
  ];
}

function requestOf(flags: Flags): PrepareRequest {
  return {
    membership: {
      member: flags.member,
      name: flags.name,
      initialCluster: flags.initialCluster,
      advertise: flags.initialAdvertisePeerUrls,
      all: flags.allMembers,
    },
    plan: {
      token: flags.initialClusterToken,
      bump: flags.bumpRevision,
      exactRevision: flags.exactRevision,
      target: flags.targetVersion,
      keepAlarms: flags.keepAlarms,
      keepDowngrade: flags.keepDowngrade,
      keepFreePages: flags.keepFreePages,
      quota: flags.quotaBackendBytes,
    },
    dataDir: flags.dataDir,
    walDir: flags.walDir || undefined,
  };
}

/** A terminal is always asked; elsewhere only what is there already needs somebody who agreed. */
async function consent(plan: RestorePlan, { yes }: Flags, context: Context): Promise<void> {
  const occupied = plan.places.filter(({ place }) => place.aside.length > 0);
  if (occupied.length === 0 && context.stdin.isTTY !== true) return;
  const unseen = occupied.some(({ use }) => use === "unknown")
    ? ", although a running etcd may be using it,"
    : "";
  const dirs = plan.places.map(({ place }) => place.dataDir).join(", ");
  const question =
    occupied.length === 0
      ? `restore into ${dirs} as planned above`
      : `replace what is in ${dirs}${unseen} as planned above`;
  await requireConsent(question, { yes }, context);
}
