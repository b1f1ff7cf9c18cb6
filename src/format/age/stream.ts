/**
 * The payload of an age file: STREAM. Behind the header come 16 bytes of nonce, from which the payload key is made, and
 * then chunks of 64 KiB, each followed by its 16 bytes of tag. The last chunk is marked in its nonce; it may be short, but
 * is empty only when it is the only one.
 */

/** Plain bytes of every chunk but the last. */
export const CHUNK_BYTES = 64 << 10;
export const TAG_BYTES = 16;
export const SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES;
/** Bytes between the header and the first chunk. */
export const PAYLOAD_NONCE_BYTES = 16;

/** The nonce of a chunk: 11 bytes of counter, big endian, and one that marks the last. */
export function chunkNonce(index: number, last: boolean): Uint8Array {
  const nonce = new Uint8Array(12);
  for (let at = 10, rest = index; rest > 0; at--) {
    nonce[at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  nonce[11] = last ? 1 : 0;
  return nonce;
}

/** How chunks lie in a payload of so many bytes. */
export interface Chunks {
  /** At least one. */
  readonly count: number;
  /** Plain bytes of all. */
  readonly plainSize: number;
}

/**
 * The chunks of a payload of `sealedSize` bytes, nonce not counted; undefined when no payload has that size.
 */
export function chunksOf(sealedSize: number): Chunks | undefined {
  const count = Math.ceil(sealedSize / SEALED_CHUNK_BYTES);
  const last = sealedSize - (count - 1) * SEALED_CHUNK_BYTES;
  const wanted = count === 1 ? TAG_BYTES : TAG_BYTES + 1;
  if (count < 1 || last < wanted) return undefined;
  return { count, plainSize: sealedSize - count * TAG_BYTES };
}
