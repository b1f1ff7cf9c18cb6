import { Command } from "commander";
import { acceptFindingOption } from "../flags/accept-finding.ts";
import { addConnectionFlags, clusterSettings } from "../flags/connection.ts";
import type { Context, Progress } from "../context.ts";
import { addHelpSections } from "../help.ts";
import { warnOfIdentity } from "../inputs/identity-on-host.ts";
import {
  addAllowedSignersFlag,
  addSealFlags,
  addSigningKeyFlag,
  readRecipients,
  readTrust,
  requireSign,
} from "../flags/keys.ts";
import { openDifferentRepositories } from "../inputs/open-repositories.ts";
import { formatOutput, outputOption, type OutputFormat } from "../texts/output.ts";
import { packageVersion } from "../package-version.ts";
import { publishedText, tellMissing } from "../texts/published.ts";
import { addRepositoryFlags, addRequiredFlag, repositorySettings } from "../flags/repository.ts";
import { totalLimit } from "../flags/total-limit.ts";
import { addTransferLimits, transferLimits } from "../flags/transfer-limits.ts";

interface Flags {
  readonly output: OutputFormat;
  readonly acceptFinding: readonly string[];
  readonly recipientsFile?: string;
  readonly signingKey?: string;
}

/** `holdfast backup`. */
export function backupCommand(context: Context): Command {
  const command = new Command("backup")
    .description(
      "Backs up a live cluster into a repository, or several at once, in one pass and without a temporary file: the snapshot " +
        "is proven, compressed, sealed and stored while it streams; the member is asked whether it hashes to the same; only " +
        "then the signed manifest makes a backup of it. Whatever fails leaves nothing that could be taken for one. Of several " +
        "endpoints the healthiest member is taken.",
    )
    .addOption(outputOption())
    .addOption(acceptFindingOption())
    .action((flags: Flags) => backup(flags, command, context));
  addRepositoryFlags(command);
  addRequiredFlag(command);
  addSealFlags(command);
  addSigningKeyFlag(command);
  addAllowedSignersFlag(command);
  addTransferLimits(command);
  addConnectionFlags(command);
  return addHelpSections(command, { examples: EXAMPLES, failures: FAILURES });
}

const EXAMPLES = [
  {
    what: "Into a folder, with the files that holdfast init wrote",
    command:
      "holdfast backup --repo /var/backups/etcd --recipients-file recipients.txt --signing-key signing-key --endpoints 10.0.0.1:2379",
  },
  {
    what: "Into two stores in one pass; one of them is enough",
    command:
      "holdfast backup --repo /var/backups/etcd --repo s3://backups/etcd --required 1 --recipients-file recipients.txt --signing-key signing-key",
  },
  {
    what: "From cron, with everything in HOLDFAST_… and ETCDCTL_… variables",
    command: "holdfast backup -o json | jq -r .id",
  },
];

const FAILURES = [
  "snapshot-damaged",
  "hash-contradicted",
  "recipients-unusable",
  "signing-key-unusable",
  "allowed-signers-unusable",
  "store-not-there",
  "store-full",
  "store-refused",
  "store-unreachable",
  "too-few-stores",
  "connection-failed",
  "authentication-failed",
  "permission-denied",
  "no-leader",
  "no-progress",
  "time-limit",
] as const;

async function backup(flags: Flags, command: Command, context: Context): Promise<void> {
  const settings = repositorySettings(command, context);
  const { env, log } = context;
  const keys = {
    recipients: await readRecipients(command, context),
    sign: await requireSign(command, context),
    trust: await readTrust(command, context),
  };
  await warnOfIdentity(
    [
      flags.recipientsFile ?? env["HOLDFAST_RECIPIENTS_FILE"],
      flags.signingKey ?? env["HOLDFAST_SIGNING_KEY"],
    ],
    context,
  );
  const { connection, stragglersMs, commandTimeoutMs } = await clusterSettings(command, context);
  using limit = totalLimit(commandTimeoutMs, context.signal);
  const { signal } = limit;
  const { createClusterClient } = await import("../../etcd/cluster-client.ts");
  const { backUp } = await import("../../backup/backup.ts");
  const open = { limits: await transferLimits(command) };
  await using opened = await openDifferentRepositories(settings, { ...context, signal }, open);
  using client = await createClusterClient(connection, limit);
  let bar: Progress | undefined;
  const published = await backUp(client, opened.repositories, {
    ...settings,
    ...keys,
    accept: flags.acceptFinding,
    tool: `holdfast ${packageVersion()}`,
    stragglersMs,
    signal,
    log,
    progress: (bytes, total) => (bar ??= context.progress("backing up", total)).update(bytes),
  }).finally(() => bar?.[Symbol.dispose]());
  const text = (): string => publishedText(published);
  context.stdout.write(await formatOutput(flags.output, published.manifest, text));
  tellMissing(published, opened.missing, context);
}
