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

/**
 * Asks a member for its snapshot; resolves with the first bytes, so that a refusal is known before anything is
 * written. While it is read, etcd cannot reuse pages of its database: read fast, and dispose of it.
 */
export async function openSnapshot(
  connection: Connection,
  options: CallOptions = {},
): Promise<SnapshotStream> {
  const messages = await connection.serverStream(
    Maintenance.method.snapshot,
    new Uint8Array(0),
    options,
  );
  const first = decodeSnapshotMessage(messages.poll() ?? new Uint8Array(0));
  return {
    sizeHint: first.blob.length + first.remainingBytes + TRAILER_BYTES,
    storageVersion: bytesText(first.version),
    read: blobReader(messages, first.blob),
    [Symbol.dispose]: () => messages[Symbol.dispose](),
  };
}

/** As many bytes of blobs as have arrived and fit; waits only for the first of them. */
function blobReader(messages: MessageStream, first: Uint8Array): ByteSource["read"] {
  let rest = first;
  return async (into) => {
    let filled = 0;
    while (filled < into.length) {
      if (rest.length === 0) {
        const message = messages.poll();
        if (message !== undefined) rest = decodeSnapshotMessage(message).blob;
        else if (filled > 0 || !(await messages.wait())) break;
        continue;
      }
      const taken = Math.min(rest.length, into.length - filled);
      into.set(taken === rest.length ? rest : rest.subarray(0, taken), filled);
      rest = rest.subarray(taken);
      filled += taken;
    }
    return filled;
  };
}
