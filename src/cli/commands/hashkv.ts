import { Command, InvalidArgumentError, Option } from "commander";
import { HoldfastError } from "../../errors.ts";
import { addConnectionFlags, clusterSettings } from "../flags/connection.ts";
import type { Context } from "../context.ts";
import { refuseUnproven, refuseUnreadable, tellDoubts } from "../inputs/damage.ts";
import { parseInt64 } from "../flags/go-integer.ts";
import { addHelpSections } from "../help.ts";
import { addIgnoredFlags } from "../flags/ignored.ts";
import { printableMemberHashes } from "../texts/member-hash-rows.ts";
import { inspectSnapshot } from "../inputs/snapshot-file.ts";
import { totalLimit } from "../flags/total-limit.ts";
import {
  printableHashKV,
  tableLines,
  writeOut,
  writeOutOption,
  type WriteOut,
} from "../texts/write-out.ts";

interface Flags {
  readonly writeOut: WriteOut;
  /** 0n: the latest. */
  readonly rev: bigint;
}

/** `holdfast hashkv`: of a file as etcdutl prints it, of a live cluster member by member. */
export function hashkvCommand(context: Context): Command {
  const command = new Command("hashkv")
    .description(
      "Prints the hash of the whole key-value history up to a revision: of a snapshot, as etcdutl does but without " +
        "writing to the file; without a file, of every member of a live cluster at the same revision, and fails when " +
        "they disagree. Hashes are comparable only at the same revision and the same compact revision.",
    )
    .argument("[file]", "a snapshot; - for standard input; without it a live cluster is asked")
    .addOption(
      new Option("--rev <revision>", "the revision to hash up to")
        .argParser(parseRevision)
        .default(0n, "the latest"),
    )
    .addOption(writeOutOption())
    .action(async (file: string | undefined, flags: Flags) =>
      file === undefined
        ? printMemberHashes(command, flags, context)
        : printFileHash(file, flags, context),
    );
  addConnectionFlags(command);
  addIgnoredFlags(command);
  return addHelpSections(command, { examples: EXAMPLES, failures: FAILURES });
}

const EXAMPLES = [
  { what: "Of a snapshot", command: "holdfast hashkv snapshot.db" },
  { what: "At an older revision", command: "holdfast hashkv snapshot.db --rev 1200 -w json" },
  {
    what: "Of every member of a cluster, whichever endpoint is given",
    command: "holdfast hashkv --endpoints 10.0.0.1:2379 -w table",
  },
];

const FAILURES = [
  "not-a-snapshot",
  "revision-compacted",
  "revision-in-future",
  "unsupported-output",
  "connection-failed",
  "authentication-failed",
  "permission-denied",
  "snapshot-damaged",
  "no-progress",
  "members-disagree",
] as const;

function parseRevision(text: string): bigint {
  const revision = parseInt64(text);
  if (revision >= 0n) return revision;
  throw new InvalidArgumentError("It is no revision.");
}

async function printFileHash(file: string, flags: Flags, context: Context): Promise<void> {
  const { report, hashKV } = await inspectSnapshot(file, context);
  refuseUnreadable(file, report);
  const hash = flags.rev === 0n ? report.hashKV : hashKV(flags.rev);
  context.stdout.write(writeOut(printableHashKV(hash), flags.writeOut, tableLines(context)));
  tellDoubts(report, context.log);
  refuseUnproven(file, report);
}

async function printMemberHashes(command: Command, flags: Flags, context: Context): Promise<void> {
  const { log } = context;
  const settings = await clusterSettings(command, context);
  using limit = totalLimit(settings.commandTimeoutMs, context.signal);
  const { createClusterClient } = await import("../../etcd/cluster-client.ts");
  const { memberHashes, requireAgreement } = await import("../../backup/member-hashes.ts");
  using client = await createClusterClient(settings.connection, {
    signal: limit.signal,
    log,
  });
  const rows = await memberHashes(client, {
    revision: flags.rev,
    stragglersMs: settings.stragglersMs,
    signal: limit.signal,
    log,
  });
  context.stdout.write(writeOut(printableMemberHashes(rows), flags.writeOut, tableLines(context)));
  const failure = thrownBy(() => requireAgreement(rows));
  for (const { answer, name } of rows)
    if (answer instanceof HoldfastError && answer !== failure)
      log.warn(`no hash of ${name}: ${answer.message}`);
  if (failure !== undefined) throw failure;
}

function thrownBy(work: () => void): unknown {
  try {
    return void work();
  } catch (error) {
    return error;
  }
}
