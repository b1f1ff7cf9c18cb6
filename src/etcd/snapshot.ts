import { bytesText } from "../format/bytes.ts";
import type { ByteSource } from "../io/source.ts";
import type { CallOptions, Connection } from "./connection.ts";
import { Maintenance } from "./gen/etcdserverpb/rpc_pb.ts";
import type { MessageStream } from "./message-stream.ts";
import { decodeSnapshotMessage } from "./snapshot-message.ts";

/** A snapshot on its way: the database as of the moment of the call, then 32 bytes of SHA-256 over it. */
export interface SnapshotStream extends ByteSource, Disposable {
  /** The database and its trailer, as the server announced them. */
  readonly sizeHint: number;
  /** The storage version; "" before 3.6 and after a downgrade. */
  readonly storageVersion: string;
}

const TRAILER_BYTES = 32;
const NOTHING = new Uint8Array(0);

/**
 * Asks a member for its snapshot; resolves with the first bytes, so that a refusal is known before anything is
 * written. While it is read, etcd cannot reuse pages of its database: read fast, and dispose of it.
 */
export async function openSnapshot(
  connection: Connection,
  options: CallOptions = {},
): Promise<SnapshotStream> {
  const { first, stream } = await connection.serverStream(
    Maintenance.method.snapshot,
    NOTHING,
    options,
  );
  try {
    const { blob, remainingBytes, version } = decodeSnapshotMessage(first ?? NOTHING);
    return {
      sizeHint: blob.length + remainingBytes + TRAILER_BYTES,
      storageVersion: bytesText(version),
      read: blobReader(stream, blob),
      [Symbol.dispose]: () => stream[Symbol.dispose](),
    };
  } catch (error) {
    stream[Symbol.dispose]();
    throw error;
  }
}

/** Fills what it is given, but for the last time: a promise for every message would cost more than its bytes. */
function blobReader(stream: MessageStream, first: Uint8Array): ByteSource["read"] {
  let rest = first;
  return async (into) => {
    let filled = 0;
    const take = (blob: Uint8Array): boolean => {
      const taken = Math.min(blob.length, into.length - filled);
      into.set(taken === blob.length ? blob : blob.subarray(0, taken), filled);
      filled += taken;
      rest = blob.subarray(taken);
      return filled < into.length;
    };
    if (take(rest)) await stream.read((message) => take(decodeSnapshotMessage(message).blob));
    return filled;
  };
}
