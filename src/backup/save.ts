/** The story of `snapshot save`: choose a member, stream its snapshot, prove it on the way, publish it whole. */
import { dirname } from "node:path";
import type { ClusterClient } from "../etcd/cluster-client.ts";
import type { Connection } from "../etcd/connection.ts";
import { openSnapshot, type SnapshotStream } from "../etcd/snapshot.ts";
import { inspectStream } from "../inspect/inspect.ts";
import type { Report } from "../inspect/report.ts";
import { refuseDamaged } from "../inspect/verdict.ts";
import { requireSpace } from "../io/directory.ts";
import { createDurableFile } from "../io/durable-file.ts";
import type { Sink } from "../io/source.ts";
import { fromBestMember } from "./best-member.ts";
import type { AskOptions } from "./cluster-members.ts";
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

/** Saves a proven snapshot of the cluster, of the best member that can give one. */
export async function saveSnapshot(client: ClusterClient, options: SaveOptions): Promise<Saved> {
  // bytes that were handed on at once cannot be taken back
  const mayRepeat = typeof options.target === "string";
  return fromBestMember(client, { ...options, mayRepeat }, ({ connection }) =>
    saveFrom(connection, options),
  );
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
    if (options.keepDamaged)
      await keepDamagedFile(file, target, report, log).catch((failure: unknown) =>
        log.warn(`the damaged snapshot is not kept: ${(failure as Error).message}`),
      );
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
