import { Command, Option } from "commander";
import { HoldfastError } from "../../errors.ts";
import { acceptFindingOption } from "../flags/accept-finding.ts";
import { addConnectionFlags, clusterSettings } from "../flags/connection.ts";
import type { Context, Progress } from "../context.ts";
import { addHelpSections } from "../help.ts";
import { count } from "../texts/count.ts";
import { humanSize } from "../texts/size.ts";
import { totalLimit } from "../flags/total-limit.ts";
import { snapshotOutput } from "../terminal/snapshot-output.ts";

interface Flags {
  readonly acceptFinding: readonly string[];
  readonly keepDamaged: boolean;
}

/** `holdfast snapshot save`: flags, environment and output of etcdctl's, and a proof. */
export function snapshotSaveCommand(context: Context): Command {
  const command = new Command("save")
    .description(
      "Saves a snapshot of a live cluster to a file, and proves it on the way: every page, every row and the SHA-256. " +
        "The file appears whole and proven, or not at all. Of several endpoints the healthiest member is taken.",
    )
    .argument(
      "<file>",
      "where to save it; - for standard output, to be trusted only if the exit status is 0",
    )
    .addOption(acceptFindingOption("save"))
    .option(
      "--keep-damaged",
      "keep a damaged snapshot as FILE.damaged, with FILE.damaged.findings.json",
      false,
    )
    .addOption(
      new Option(
        "-w, --write-out <format>",
        "accepted for etcdctl's sake: the output is always the same",
      )
        .argParser(parseWriteOut)
        .hideHelp(),
    )
    .action(async (file: string, flags: Flags) => save(file, flags, command, context));
  addConnectionFlags(command);
  return addHelpSections(command, { examples: EXAMPLES, failures: FAILURES });
}

const EXAMPLES = [
  { what: "From a member on this machine", command: "holdfast snapshot save backup.db" },
  {
    what: "From a control plane node that kubeadm made",
    command:
      "holdfast snapshot save backup.db --endpoints https://127.0.0.1:2379 --cacert /etc/kubernetes/pki/etcd/ca.crt " +
      "--cert /etc/kubernetes/pki/etcd/healthcheck-client.crt --key /etc/kubernetes/pki/etcd/healthcheck-client.key",
  },
  {
    what: "From the best of three, with the password in ETCDCTL_PASSWORD",
    command:
      "holdfast snapshot save backup.db --endpoints 10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379 --user root",
  },
  { what: "Through a pipe", command: "holdfast snapshot save - | zstd > backup.db.zst" },
];

const FAILURES = [
  "no-space",
  "connection-failed",
  "wrong-protocol",
  "certificate-expired",
  "certificate-untrusted",
  "certificate-name-mismatch",
  "certificate-required",
  "certificate-refused",
  "certificate-unusable",
  "authentication-failed",
  "permission-denied",
  "member-is-learner",
  "no-leader",
  "server-refused",
  "time-limit",
  "snapshot-damaged",
  "no-progress",
] as const;

/** etcdctl refuses what it does not know, though `snapshot save` prints the same in every format. */
function parseWriteOut(format: string): string {
  if (["fields", "json", "protobuf", "simple", "table"].includes(format)) return format;
  throw new HoldfastError("unsupported-output", "unsupported output format");
}

async function save(file: string, flags: Flags, command: Command, context: Context): Promise<void> {
  const settings = await clusterSettings(command, context);
  using limit = totalLimit(settings.commandTimeoutMs, context.signal);
  const { createClusterClient } = await import("../../etcd/cluster-client.ts");
  const { saveSnapshot } = await import("../../backup/save.ts");
  const { log } = context;
  using client = await createClusterClient(settings.connection, { signal: limit.signal, log });
  let bar: Progress | undefined;
  const saved = await saveSnapshot(client, {
    target: file === "-" ? snapshotOutput(context) : file,
    accept: flags.acceptFinding,
    keepDamaged: flags.keepDamaged,
    stragglersMs: settings.stragglersMs,
    signal: limit.signal,
    log,
    progress: (bytes, total) => (bar ??= context.progress("saving", total)).update(bytes),
  }).finally(() => bar?.[Symbol.dispose]());
  const { report, storageVersion } = saved;
  log.info(
    `proven: ${humanSize(report.dbSize)}, revision ${report.revision}, ${count(report.liveKeys, "key")}`,
    { sha256: report.sha256 },
  );
  if (file === "-") return;
  context.stdout.write(`Snapshot saved at ${file}\n`);
  if (storageVersion !== "") context.stdout.write(`Server version ${storageVersion}\n`);
}
