import type { RangeSource } from "../../src/io/range-source.ts";

/** Everything that a stream yields, in one piece of memory. */
export async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  // what is yielded may be used again by who yielded it
  for await (const piece of pieces) parts.push(Uint8Array.from(piece));
  return Buffer.concat(parts);
}

/** Bytes as a stream, in pieces of one size. All pieces are in the same memory, as streams may have it. */
export async function* inPieces(
  bytes: Uint8Array,
  pieceBytes = 64 << 10,
): AsyncGenerator<Uint8Array> {
  const memory = new Uint8Array(pieceBytes);
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = bytes.subarray(at, at + pieceBytes);
    memory.set(piece);
    yield memory.subarray(0, piece.length);
    memory.fill(0xee);
  }
}

/** Random access to bytes in memory. */
export function ranges(bytes: Uint8Array): RangeSource {
  return {
    size: bytes.length,
    readAt: async (offset, length) => bytes.slice(offset, offset + length),
  };
}
