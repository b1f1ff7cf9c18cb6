/** The payload of an age file on OpenSSL, several times as fast as in JavaScript. */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { CHUNK_BYTES, chunkNonce, SEALED_CHUNK_BYTES, TAG_BYTES } from "../format/age/stream.ts";
import { freeMemory } from "../io/free-memory.ts";
import { HoldfastError } from "../errors.ts";
import { ALGORITHM, deriveKey, TAG } from "./key-wrap.ts";
import { regroup } from "./regroup.ts";

/** Chunks that go on together. */
const CHUNKS_AT_ONCE = 16;

/** The key of a payload's chunks. */
export function payloadKey(fileKey: Uint8Array, nonce: Uint8Array): Uint8Array {
  return deriveKey(fileKey, nonce, "payload");
}

/** All chunks, in pieces of about 1 MiB, each valid until the next is asked for. The key is zeroed at the end. */
export async function* sealPayload(
  input: AsyncIterable<Uint8Array>,
  key: Uint8Array,
): AsyncGenerator<Uint8Array, void, undefined> {
  const sealed = new Uint8Array(CHUNKS_AT_ONCE * SEALED_CHUNK_BYTES);
  let index = 0;
  try {
    for await (const { bytes, last } of regroup(input, CHUNKS_AT_ONCE * CHUNK_BYTES)) {
      const count = chunkCount(bytes.length, CHUNK_BYTES);
      for (let chunk = 0; chunk < count; chunk++) {
        const plain = bytes.subarray(chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES);
        const nonce = chunkNonce(index++, last && chunk === count - 1);
        sealChunk(plain, key, nonce, sealed.subarray(chunk * SEALED_CHUNK_BYTES));
      }
      yield sealed.subarray(0, bytes.length + count * TAG_BYTES);
    }
  } finally {
    key.fill(0);
  }
}

function sealChunk(plain: Uint8Array, key: Uint8Array, nonce: Uint8Array, into: Uint8Array): void {
  const cipher = createCipheriv(ALGORITHM, key, nonce, TAG);
  into.set(cipher.update(plain));
  cipher.final();
  into.set(cipher.getAuthTag(), plain.length);
}

/**
 * The plain bytes of all chunks, in pieces of about 1 MiB, each valid until the next is asked for, none before its chunks
 * are authenticated. Throws "sealed-damaged" for a chunk that is not, or a payload that is cut short anywhere. The key is
 * zeroed at the end.
 */
export async function* openPayload(
  input: AsyncIterable<Uint8Array>,
  key: Uint8Array,
): AsyncGenerator<Uint8Array, void, undefined> {
  const plain = new Uint8Array(CHUNKS_AT_ONCE * CHUNK_BYTES);
  let index = 0;
  try {
    for await (const { bytes, last } of regroup(input, CHUNKS_AT_ONCE * SEALED_CHUNK_BYTES)) {
      const count = chunkCount(bytes.length, SEALED_CHUNK_BYTES);
      let filled = 0;
      for (let chunk = 0; chunk < count; chunk++) {
        const start = chunk * SEALED_CHUNK_BYTES;
        const sealed = bytes.subarray(start, start + SEALED_CHUNK_BYTES);
        const isLast = last && chunk === count - 1;
        const opened = openChunk(sealed, key, index++, isLast);
        plain.set(opened, filled);
        filled += opened.length;
        freeMemory(opened);
      }
      if (filled > 0) yield plain.subarray(0, filled);
    }
  } finally {
    key.fill(0);
  }
}

function chunkCount(bytes: number, chunkBytes: number): number {
  return Math.max(1, Math.ceil(bytes / chunkBytes));
}

/** One chunk, authenticated. Throws "sealed-damaged". */
export function openChunk(
  sealed: Uint8Array,
  key: Uint8Array,
  index: number,
  last: boolean,
): Uint8Array<ArrayBuffer> {
  const plain = tryChunk(sealed, key, chunkNonce(index, last));
  // an empty chunk behind others is as wrong as none
  if (plain !== undefined && (plain.length > 0 || index === 0)) return plain;
  const isCut = last && tryChunk(sealed, key, chunkNonce(index, false)) !== undefined;
  throw isCut ? damaged(index, "nothing follows, and it is not the last") : damaged(index, DAMAGED);
}

const DAMAGED = "it is altered, or cut short";

function tryChunk(
  sealed: Uint8Array,
  key: Uint8Array,
  nonce: Uint8Array,
): Uint8Array<ArrayBuffer> | undefined {
  if (sealed.length < TAG_BYTES) return undefined;
  const decipher = createDecipheriv(ALGORITHM, key, nonce, TAG);
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  const plain = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return plain;
}

function damaged(index: number, what: string): HoldfastError {
  const at = index * CHUNK_BYTES;
  return new HoldfastError(
    "sealed-damaged",
    `the sealed bytes are damaged ${at} bytes into what they hold: ${what}`,
  );
}
