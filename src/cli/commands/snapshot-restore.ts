import { Command, Option } from "commander";
import { HoldfastError } from "../../errors.ts";
import { fileHolder } from "../../io/file-holder.ts";
import type { RestoreRequest } from "../../restore/restore.ts";
import { TARGET_VERSIONS, type TargetVersion } from "../../restore/target-version.ts";
import type { Log } from "../../io/log.ts";
import { acceptFindingOption } from "../flags/accept-finding.ts";
import type { Context } from "../context.ts";
import { parseGoDuration } from "../flags/duration.ts";
import { parseUint64 } from "../flags/go-integer.ts";
import { addIgnoredFlags } from "../flags/ignored.ts";
import { addHelpSections } from "../help.ts";
import { tellRestored } from "../texts/restore-summary.ts";
import { openSnapshot } from "../inputs/snapshot-file.ts";
import { parseTargetVersion } from "../flags/target-version.ts";

interface Flags {
  readonly name: string;
  readonly dataDir?: string;
  readonly walDir?: string;
  readonly initialCluster: string;
  readonly initialClusterToken: string;
  readonly initialAdvertisePeerUrls: string;
  readonly skipHashCheck: boolean;
  readonly bumpRevision: bigint;
  readonly markCompacted: boolean;
  readonly targetVersion?: TargetVersion;
  readonly acceptFinding: readonly string[];
}

/** `holdfast snapshot restore`: flags, defaults and refusals of etcdutl's. */
export function snapshotRestoreCommand(context: Context): Command {
  const command = new Command("restore")
    .description(
      "Makes a data dir for one member of a new cluster from a snapshot, which is proven on the way. " +
        "Run it once for each member, with the same snapshot, --initial-cluster and token. " +
        "The data dir appears whole or not at all.",
    )
    .argument("<file>", "the snapshot; - for standard input")
    .action(async (file: string, flags: Flags) => restore(file, flags, context));
  for (const option of options()) command.addOption(option);
  addIgnoredFlags(command);
  return addHelpSections(command, {
    examples: EXAMPLES,
    failures: [
      "snapshot-damaged",
      "hash-missing",
      "hash-mismatch",
      "initial-cluster",
      "data-dir-occupied",
      "no-space",
      "target-version",
    ],
  });
}

const EXAMPLES = [
  {
    what: "A cluster of one member",
    command: "holdfast snapshot restore snapshot.db --data-dir /var/lib/etcd",
  },
  {
    what: "The first of three members; the others alike, each with its own name and URL",
    command:
      "holdfast snapshot restore snapshot.db --data-dir /var/lib/etcd --name m1 " +
      "--initial-cluster m1=http://10.0.0.1:2380,m2=http://10.0.0.2:2380,m3=http://10.0.0.3:2380 " +
      "--initial-cluster-token after-the-fire --initial-advertise-peer-urls http://10.0.0.1:2380",
  },
  {
    what: "For Kubernetes: no client can mistake the restored state for the one it knew",
    command:
      "holdfast snapshot restore snapshot.db --data-dir /var/lib/etcd --bump-revision 1000000000 --mark-compacted",
  },
  {
    what: "A snapshot of etcd 3.7, for members of 3.6",
    command: "holdfast snapshot restore snapshot.db --data-dir /var/lib/etcd --target-version 3.6",
  },
];

function options(): Option[] {
  return [
    new Option("--data-dir <dir>", "path to the output data directory (default: NAME.etcd)"),
    new Option("--wal-dir <dir>", "path to the WAL directory (default: in the data directory)"),
    new Option("--name <name>", "human-readable name for this member").default("default"),
    new Option("--initial-cluster <members>", "all members, as name=url,name=url").default(
      "default=http://localhost:2380",
    ),
    new Option("--initial-cluster-token <token>", "names the cluster: choose a new one").default(
      "etcd-cluster",
    ),
    new Option(
      "--initial-advertise-peer-urls <urls>",
      "this member's peer URLs, as in --initial-cluster",
    ).default("http://localhost:2380"),
    new Option(
      "--skip-hash-check",
      "take a snapshot without its SHA-256 (a db file copied from a data directory) or with a wrong one",
    ).default(false),
    new Option(
      "--bump-revision <n>",
      "raise the latest revision by this much; needs --mark-compacted",
    )
      .argParser(parseUint64)
      .default(0n, "0"),
    new Option(
      "--mark-compacted",
      "mark the raised revision as compacted: older watches are told to start over; needs --bump-revision",
    ).default(false),
    new Option(
      "--target-version <version>",
      `the etcd that the members will run (${TARGET_VERSIONS.join(", ")}): takes stored versions out that an older one stops at, and any downgrade in progress (kept without this flag, as etcdutl does)`,
    ).argParser(parseTargetVersion),
    acceptFindingOption("restore"),
    ...ignoredOptions(),
  ];
}

/** Part of etcdutl's command line, without meaning here. */
function ignoredOptions(): Option[] {
  return [
    new Option(
      "--initial-memory-map-size <bytes>",
      "accepted for etcdutl's sake: nothing is mapped into memory",
    ).argParser(parseUint64),
    new Option(
      "--timeout <duration>",
      "accepted for etcdutl's sake: no lock is waited for",
    ).argParser(parseGoDuration),
    new Option(
      "-w, --write-out <format>",
      "accepted for etcdutl's sake: nothing is written to standard output",
    ),
  ];
}

/** Nothing but what etcdutl does. */
const AS_ETCDUTL = {
  drop: [],
  rewrite: false,
  keepAside: undefined,
  others: [],
  judge: () => {},
  readBack: false,
} satisfies Partial<RestoreRequest>;

async function restore(file: string, flags: Flags, context: Context): Promise<void> {
  if (flags.bumpRevision > 0n !== flags.markCompacted)
    throw new HoldfastError("usage", "--mark-compacted required if --bump-revision > 0", {
      hint: "give both, or neither",
    });
  const { restoreSnapshot } = await import("../../restore/restore.ts");
  await using source = await openSnapshot(file, context);
  using bar = context.progress("restoring", source.sizeHint);
  const restored = await restoreSnapshot(
    {
      source,
      cluster: {
        name: flags.name,
        initialCluster: flags.initialCluster,
        initialClusterToken: flags.initialClusterToken,
        initialAdvertisePeerURLs: flags.initialAdvertisePeerUrls,
      },
      dataDir: flags.dataDir || `${flags.name}.etcd`,
      walDir: flags.walDir || undefined,
      skipHashCheck: flags.skipHashCheck,
      acceptFindings: flags.acceptFinding,
      bump: flags.bumpRevision,
      target: flags.targetVersion,
      ...AS_ETCDUTL,
    },
    { signal: context.signal, progress: (bytes) => bar.update(bytes) },
  );
  bar[Symbol.dispose]();
  tellRestored(restored, { file, target: flags.targetVersion }, context.log);
  const isCopy = restored.report.findings.some(({ code }) => code === "no-trailer");
  if (isCopy && file !== "-") await tellHolder(file, context.log);
}

/** A database in use is read at several instants; what is restored of it has passed every check and may be stale. */
async function tellHolder(file: string, log: Log): Promise<void> {
  const holder = await fileHolder(file);
  if (holder.state === "held")
    log.warn(
      `"${file}" is held by ${holder.command} (process ${holder.pid}): what is only in its write-ahead log is not restored; ` +
        "take a snapshot instead: holdfast snapshot save",
    );
}
