/** Bytes that a check writes and knows again: by chance, so that nothing on the way can compress them. */
import { createHash } from "node:crypto";
import { randomKey } from "../io/random.ts";

export interface Digest {
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

const BLOCK = 256 << 10;

let chance: Uint8Array | undefined;

/** The bytes `from` to `to` of a sequence that is another one in every process. */
export async function* bytesOf(to: number, from = 0): AsyncIterable<Uint8Array> {
  chance ??= randomKey(BLOCK);
  for (let at = from; at < to;) {
    const start = Math.floor(at / BLOCK) * BLOCK;
    const block = chance.slice();
    // blocks differ, so that parts that change places are noticed
    new DataView(block.buffer).setUint32(0, start / BLOCK);
    const piece = block.subarray(at - start, Math.min(BLOCK, to - start));
    yield piece;
    at += piece.length;
  }
}

/** Of a stream that is read to its end. */
export async function digestOf(pieces: AsyncIterable<Uint8Array>): Promise<Digest> {
  const hash = createHash("sha256");
  let size = 0;
  for await (const bytes of pieces) {
    hash.update(bytes);
    size += bytes.length;
  }
  return { size, sha256: hash.digest("hex") };
}
