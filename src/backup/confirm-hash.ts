/** Whether a snapshot is what its member itself believes to have. */
import { HoldfastError } from "../errors.ts";
import type { Connection } from "../etcd/connection.ts";
import { Maintenance } from "../etcd/gen/etcdserverpb/rpc_pb.ts";
import type { HashKV, Inspection } from "../inspect/report.ts";
import type { Log } from "../io/log.ts";

/**
 * Asks the member that sent a snapshot for its own HashKV at the head of it. True when they are the same; false, and a
 * warning, when it cannot tell: it is gone, or has compacted the head. Throws "hash-contradicted" when they differ.
 */
export async function confirmHash(
  connection: Connection,
  inspection: Inspection,
  { signal, log }: { readonly signal: AbortSignal; readonly log: Log },
): Promise<boolean> {
  const { revision } = inspection.report;
  const answer = await ask(connection, revision, signal);
  if (answer instanceof HoldfastError) return unconfirmed(answer.message, log);
  // a server that compacts the very head may answer from before, or not at all
  if (answer.compactRevision < inspection.report.compactRevision)
    return unconfirmed(`it answers as of its compaction at ${answer.compactRevision}`, log);
  const own = inspection.hashKV(revision, answer.compactRevision);
  if (own.hash === answer.hash) return true;
  throw new HoldfastError(
    "hash-contradicted",
    `the snapshot is not what "${connection.endpoint.text}" has: its rows hash to ${hex(own.hash)} at revision ${revision}, the member says ${hex(answer.hash)}`,
    { hint: "compare all members: holdfast hashkv; their disks may differ from what they serve" },
  );
}

async function ask(
  connection: Connection,
  revision: bigint,
  signal: AbortSignal,
): Promise<Omit<HashKV, "revision"> | HoldfastError> {
  try {
    return await connection.unary(Maintenance.method.hashKV, { revision }, { signal });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof HoldfastError) return error;
    throw error;
  }
}

function unconfirmed(why: string, log: Log): false {
  log.warn(`the member does not confirm the hash of its snapshot: ${why}`);
  return false;
}

function hex(hash: number): string {
  return hash.toString(16).padStart(8, "0");
}
