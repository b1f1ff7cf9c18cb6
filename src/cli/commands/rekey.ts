import { Command } from "commander";
import { HoldfastError } from "../../errors.ts";
import type { ListedBackup } from "../../repository/catalog.ts";
import type { Rekeyed, RekeyOptions } from "../../repository/rekey.ts";
import type { Repository } from "../../repository/repository.ts";
import type { Trust } from "../../repository/trust.ts";
import { requireConsent } from "../terminal/consent.ts";
import type { Context } from "../context.ts";
import { addHelpSections } from "../help.ts";
import {
  addAllowedSignersFlag,
  addIdentityFlag,
  addSealFlags,
  addSigningKeyFlag,
  readIdentities,
  readRecipients,
  readTrust,
  requireSign,
} from "../flags/keys.ts";
import { count } from "../texts/count.ts";
import { formatOutput, outputOption, type OutputFormat } from "../texts/output.ts";
import { packageVersion } from "../package-version.ts";
import {
  addConsentFlag,
  addRepositoryFlags,
  eachRepository,
  repositorySettings,
} from "../flags/repository.ts";
import { addTransferLimits, transferLimits } from "../flags/transfer-limits.ts";

interface Flags {
  readonly all: boolean;
  readonly yes: boolean;
  readonly output: OutputFormat;
}

/** `holdfast rekey`. */
export function rekeyCommand(context: Context): Command {
  const command = new Command("rekey")
    .description(
      "Seals backups to other recipients. Each is read once with the identity, which proves it again, written as a new backup " +
        "that takes its place, and read back from the store; then the old one is removed. Whoever could open the old one " +
        "can still open copies that he kept, and versions that a lock or the versioning of a bucket keeps.",
    )
    .argument("[target...]", "IDs or enough of their beginnings, latest, or times")
    .option("--all", "all backups of the cluster", false)
    .addOption(outputOption())
    .action((targets: string[], flags: Flags) => rekey(targets, flags, command, context));
  addRepositoryFlags(command);
  addIdentityFlag(command);
  addSealFlags(command);
  addSigningKeyFlag(command);
  addAllowedSignersFlag(command);
  addTransferLimits(command);
  addConsentFlag(command);
  return addHelpSections(command, {
    examples: [
      {
        what: "Everything, after somebody has left who could open it",
        command:
          "holdfast rekey --all --repo s3://backups/etcd --identity identity.txt --recipients-file new-recipients.txt --signing-key signing-key --allowed-signers allowed-signers",
      },
    ],
    failures: [
      "backup-unknown",
      "backup-damaged",
      "no-identity-matches",
      "recipients-unusable",
      "signing-key-unusable",
      "signature-missing",
      "signature-invalid",
      "signer-unknown",
      "consent-missing",
      "store-not-there",
      "store-full",
      "store-refused",
      "store-unreachable",
    ],
  });
}

async function rekey(
  targets: readonly string[],
  flags: Flags,
  command: Command,
  context: Context,
): Promise<void> {
  if (flags.all === targets.length > 0)
    throw new HoldfastError("usage", "nothing says which backups are meant", {
      hint: "give IDs, or --all, and not both",
    });
  const settings = repositorySettings(command, context);
  const trust = await readTrust(command, context);
  if (trust === undefined)
    throw new HoldfastError("usage", "nothing is replaced without --allowed-signers", {
      hint: "a forged backup would be signed with your key: give the file, or HOLDFAST_ALLOWED_SIGNERS",
    });
  const options = {
    identities: await readIdentities(command, context),
    recipients: await readRecipients(command, context),
    sign: await requireSign(command, context),
    tool: `holdfast ${packageVersion()}`,
    signal: context.signal,
    log: context.log,
  };
  const open = { limits: await transferLimits(command) };
  const wanted = { cluster: settings.cluster, targets, yes: flags.yes };
  const work = (repository: Repository): Promise<Rekeyed[]> =>
    rekeyIn(repository, wanted, { ...options, trust }, context);
  const outcomes = await eachRepository(settings, context, work, open);
  const results = outcomes.results.flat();
  const manifests = results.map(({ manifest }) => manifest);
  const text = (): string => resultText(results);
  context.stdout.write(await formatOutput(flags.output, manifests, text));
  if (results.length > 0)
    context.log.warn(
      "old recipients can still open copies that they kept, and versions that a lock or a bucket's versioning keeps",
    );
  outcomes.throwFailure();
}

interface Wanted extends Pick<Flags, "yes"> {
  readonly cluster: string;
  /** None for all. */
  readonly targets: readonly string[];
}

async function rekeyIn(
  repository: Repository,
  { cluster, targets, yes }: Wanted,
  options: Omit<RekeyOptions, "progress"> & { readonly trust: Trust },
  context: Context,
): Promise<Rekeyed[]> {
  const { listBackups, loadBackup } = await import("../../repository/catalog.ts");
  const { requireBackups } = await import("../../repository/clusters.ts");
  const { findBackup } = await import("../../repository/target.ts");
  const { requireSigned } = await import("../../repository/trust.ts");
  const { finishRekeys, rekeyBackup } = await import("../../repository/rekey.ts");
  const { signal } = context;
  const listing = await listBackups(repository, cluster, { signal });
  await requireBackups(repository, listing, { signal });
  const names: readonly ListedBackup[] =
    targets.length === 0
      ? listing.backups
      : [...new Set(targets.map((target) => findBackup(listing, target)))];
  const question = `replace ${count(names.length, "backup")} in ${repository.store.url}, sealed anew`;
  await requireConsent(question, { yes }, context);
  const quiet = { ...options, progress: () => {} };
  const results = await finishRekeys(repository, listing, names, quiet);
  const done = new Set(results.map(({ old }) => old));
  // the oldest first: what is there after an interruption is a whole past
  for (const name of names.toReversed().filter(({ id }) => !done.has(id))) {
    const backup = await loadBackup(repository, name, { signal });
    requireSigned(backup, options.trust);
    using bar = context.progress(name.id, backup.manifest.snapshot.size);
    const progress = (bytes: number): void => bar.update(bytes);
    results.push(await rekeyBackup(repository, backup, { ...options, progress }));
  }
  return results;
}

function resultText(results: readonly Rekeyed[]): string {
  const lines = results.map(({ manifest, old, isRemoved }) =>
    isRemoved
      ? `${manifest.id} replaces ${old}`
      : `${manifest.id} replaces ${old}, which is still there`,
  );
  return [...lines, `${count(results.length, "backup")} sealed anew`].join("\n");
}
