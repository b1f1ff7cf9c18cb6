import type { ByteSource } from "../io/source.ts";
import type { ChunkStream } from "./chunk-stream.ts";
import type { CallOptions, Connection } from "./connection.ts";
import { Maintenance } from "./gen/etcdserverpb/rpc_pb.ts";
import { SnapshotDecoder } from "./snapshot-decoder.ts";

/** A snapshot on its way: the database as of the moment of the call, then 32 bytes of SHA-256 over it. */
export interface SnapshotStream extends ByteSource, Disposable {
  /** The database and its trailer, as the server announced them. */
  readonly sizeHint: number;
  /** The storage version, known when all has come; "" before 3.6 and after a downgrade. */
  readonly storageVersion: string;
}

const TRAILER_BYTES = 32;

/**
 * Asks a member for its snapshot; resolves with the first bytes, so that a refusal is known before anything is
 * written. While it is read, etcd cannot reuse pages of its database: read fast, and dispose of it.
 */
export function openSnapshot(
  connection: Connection,
  options: CallOptions = {},
): Promise<SnapshotStream> {
  return connection.bulk(Maintenance.method.snapshot, options, async (body) => {
    const decoder = new SnapshotDecoder();
    const rest = await beginBlob(body, decoder);
    const sizeHint = decoder.blobLeft + decoder.remainingBytes + TRAILER_BYTES;
    return {
      sizeHint,
      get storageVersion() {
        return decoder.version;
      },
      read: blobReader(body, decoder, rest),
      [Symbol.dispose]: () => body[Symbol.dispose](),
    };
  });
}

/** Reads up to the first byte of the first blob; gives what has arrived from there on. */
async function beginBlob(body: ChunkStream, decoder: SnapshotDecoder): Promise<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  const hasBegun = await body.read((piece) => {
    rest = piece.subarray(decoder.take(piece));
    return decoder.blobLeft === 0;
  });
  if (!hasBegun) decoder.end();
  return rest;
}

/** Fills what it is given, but for the last time. */
function blobReader(
  body: ChunkStream,
  decoder: SnapshotDecoder,
  arrived: Buffer,
): ByteSource["read"] {
  let rest = arrived;
  return async (into) => {
    decoder.into(into);
    const take = (piece: Buffer): boolean => {
      rest = piece.subarray(decoder.take(piece));
      return decoder.filled < into.length;
    };
    if (take(rest) && !(await body.read(take))) decoder.end();
    return decoder.filled;
  };
}
