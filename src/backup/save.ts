/** The story of `snapshot save`: choose a member, stream its snapshot, prove it on the way, publish it whole. */
import { dirname } from "node:path";
import { HoldfastError, type ErrorCode } from "../errors.ts";
import type { ClusterClient } from "../etcd/cluster-client.ts";
import type { Connection } from "../etcd/connection.ts";
import { allFailed } from "../etcd/probe.ts";
import { openSnapshot, type SnapshotStream } from "../etcd/snapshot.ts";
import { inspectStream } from "../inspect/inspect.ts";
import type { Report } from "../inspect/report.ts";
import { refuseDamaged } from "../inspect/verdict.ts";
import { requireSpace } from "../io/directory.ts";
import { createDurableFile } from "../io/durable-file.ts";
import type { Sink } from "../io/source.ts";
import { chooseMember } from "../policy/member-choice.ts";
import { askMembers, type AskOptions } from "./cluster-members.ts";
import { keepDamagedFile, tellFindings } from "./damaged-file.ts";

export interface SaveOptions extends AskOptions {
  /** The file that gets the snapshot, and is replaced only by a good one; or something that takes its bytes at once. */
  readonly target: string | Sink;
  /** Codes of findings that are no reason to refuse the snapshot. */
  readonly accept: readonly string[];
  /** Whether a damaged snapshot is kept beside the file, with its findings. */
  readonly keepDamaged: boolean;
  /** Called now and then with the bytes that have come, and those to expect. */
  readonly progress: (bytes: number, totalBytes: number) => void;
}

export interface Saved {
  readonly endpoint: string;
  /** "" before etcd 3.6. */
  readonly storageVersion: string;
  readonly report: Report;
}

/**
 * Saves a proven snapshot of the cluster. Where a member is lost on the way, or sends a damaged one, another is tried
 * (but not when bytes are handed on at once); a second one that falls silent ends it, so that nobody waits long for a
 * cluster that is gone.
 */
export async function saveSnapshot(client: ClusterClient, options: SaveOptions): Promise<Saved> {
  const { log, signal } = options;
  let members = await askMembers(client, options);
  const failures: HoldfastError[] = [];
  for (;;) {
    const choice = chooseMember(members);
    if (choice === undefined || countStalls(failures) > 1) throw allFailed(failures);
    const { connection, memberId } = choice.candidate;
    const name = `"${connection.endpoint.text}" (member ${memberId.toString(16)}, ${choice.reason})`;
    if (choice.isDoubtful) log.warn(`taking the snapshot from ${name}: there is no better one`);
    else log.info(`taking the snapshot from ${name}`);
    try {
      return await saveFrom(connection, options);
    } catch (error) {
      signal.throwIfAborted();
      if (!isMembersFault(error) || typeof options.target !== "string") throw error;
      failures.push(error);
      members = members.filter((member) => member !== choice.candidate);
      if (members.length > 0) log.warn(`${error.message}; trying another member`);
    }
  }
}

/** What another member may do better. A file system that is full is the same for all. */
const MEMBERS_FAULTS: ReadonlySet<string> = new Set<ErrorCode>([
  "connection-failed",
  "no-progress",
  "no-leader",
  "member-is-learner",
  "server-refused",
  "malformed-message",
  "snapshot-damaged",
]);

function isMembersFault(error: unknown): error is HoldfastError {
  return error instanceof HoldfastError && MEMBERS_FAULTS.has(error.code);
}

function countStalls(failures: readonly HoldfastError[]): number {
  return failures.filter(({ code }) => code === "no-progress").length;
}

async function saveFrom(connection: Connection, options: SaveOptions): Promise<Saved> {
  const { target, signal, accept, log } = options;
  using stream = await openSnapshot(connection, { signal });
  if (typeof target !== "string") {
    const report = await prove(stream, target, options);
    tellFindings(report, log);
    refuseDamaged(report, accept);
    return savedFrom(connection, stream, report);
  }
  await requireSpace(dirname(target), stream.sizeHint);
  await using file = await createDurableFile(target);
  const report = await prove(stream, file, options);
  tellFindings(report, log);
  try {
    refuseDamaged(report, accept);
  } catch (error) {
    if (options.keepDamaged) await keepDamagedFile(file, target, report, log);
    throw error;
  }
  await file.commit();
  return savedFrom(connection, stream, report);
}

async function prove(stream: SnapshotStream, sink: Sink, options: SaveOptions): Promise<Report> {
  const { signal, progress } = options;
  const { report } = await inspectStream(stream, {
    sink,
    signal,
    requireTrailer: true,
    progress: (bytes) => progress(bytes, stream.sizeHint),
  });
  return report;
}

function savedFrom(connection: Connection, stream: SnapshotStream, report: Report): Saved {
  return {
    endpoint: connection.endpoint.text,
    storageVersion: stream.storageVersion,
    report,
  };
}
