import { MOST_HEADER_BYTES, parseAgeHeader } from "../format/age/header.ts";
import {
  CHUNK_BYTES,
  chunksOf,
  PAYLOAD_NONCE_BYTES,
  SEALED_CHUNK_BYTES,
  type Chunks,
} from "../format/age/stream.ts";
import type { RangeSource, ReadRange } from "../io/range-source.ts";
import { HoldfastError } from "../errors.ts";
import { beginsAgeFile } from "./age-file.ts";
import { openAgeHeader } from "./age-header.ts";
import type { Identities } from "./identities.ts";
import { beginsOpenPgpMessage } from "./openpgp.ts";
import { openChunk, payloadKey } from "./payload.ts";

/** Most headers are shorter. */
const FIRST_READ_BYTES = 4096;

/** A sealed file at rest, as far as it has to be known to read from it. */
interface Sealed {
  readonly readAt: ReadRange;
  readonly key: Uint8Array;
  /** Where the first chunk begins. */
  readonly start: number;
  readonly size: number;
  readonly chunks: Chunks;
  /** Plain bytes of the last chunk, which was read to authenticate the size. */
  readonly lastChunk: Uint8Array;
}

/**
 * Random access to what an age file holds, through random access to the file. A read costs the chunks of 64 KiB that it
 * touches, each authenticated; that the file ends where it was sealed is verified at once. Throws as `open` does, and
 * "no-random-access" for an OpenPGP message.
 *
 * @param size sealed bytes
 */
export async function openSealed(
  readAt: ReadRange,
  size: number,
  identities: Identities,
): Promise<RangeSource> {
  const header = await readHeader(readAt, size);
  const fileKey = await openAgeHeader(header, identities.age);
  const nonce = await readAll(readAt, header.length, PAYLOAD_NONCE_BYTES);
  const key = payloadKey(fileKey, nonce);
  fileKey.fill(0);
  const start = header.length + PAYLOAD_NONCE_BYTES;
  const chunks = chunksOf(size - start);
  if (chunks === undefined) throw cutShort(size);
  const lastStart = start + (chunks.count - 1) * SEALED_CHUNK_BYTES;
  const last = await readAll(readAt, lastStart, size - lastStart);
  const lastChunk = openChunk(last, key, chunks.count - 1, true);
  const sealed: Sealed = { readAt, key, start, size, chunks, lastChunk };
  return {
    size: chunks.plainSize,
    readAt: (offset, length) => readPlain(sealed, offset, length),
  };
}

async function readHeader(readAt: ReadRange, size: number): Promise<Uint8Array> {
  for (let wanted = FIRST_READ_BYTES; ; wanted *= 4) {
    const bytes = await readAll(readAt, 0, Math.min(wanted, size));
    if (!beginsAgeFile(bytes)) throw notAge(bytes);
    const header = parseAgeHeader(bytes);
    if (header !== undefined) return bytes.slice(0, header.length);
    if (wanted >= Math.min(size, MOST_HEADER_BYTES)) throw cutShort(size);
  }
}

function notAge(start: Uint8Array): HoldfastError {
  return beginsOpenPgpMessage(start)
    ? new HoldfastError(
        "no-random-access",
        "what is sealed with OpenPGP is read from its start only",
      )
    : new HoldfastError("sealed-damaged", "it does not begin like an age file");
}

async function readAll(readAt: ReadRange, offset: number, length: number): Promise<Uint8Array> {
  const bytes = await readAt(offset, length);
  if (bytes.length !== length) throw cutShort(offset + bytes.length);
  return bytes;
}

function cutShort(size: number): HoldfastError {
  return new HoldfastError("sealed-damaged", `the age file ends too early, after ${size} bytes`);
}

async function readPlain(sealed: Sealed, offset: number, length: number): Promise<Uint8Array> {
  const end = Math.min(sealed.chunks.plainSize, offset + length);
  if (offset >= end) return new Uint8Array(0);
  const first = Math.floor(offset / CHUNK_BYTES);
  const behind = Math.ceil(end / CHUNK_BYTES);
  const plain = await readChunks(sealed, first, behind);
  const skipped = first * CHUNK_BYTES;
  return plain.subarray(offset - skipped, end - skipped);
}

/** The chunks from `first` to before `behind`, in one read; the last of all is there already. */
async function readChunks(sealed: Sealed, first: number, behind: number): Promise<Uint8Array> {
  const { readAt, key, start, chunks, lastChunk } = sealed;
  const withLast = behind === chunks.count;
  const full = (withLast ? behind - 1 : behind) - first;
  const from = start + first * SEALED_CHUNK_BYTES;
  const bytes =
    full === 0 ? lastChunk.subarray(0, 0) : await readAll(readAt, from, full * SEALED_CHUNK_BYTES);
  const plain = Buffer.allocUnsafe(full * CHUNK_BYTES + (withLast ? lastChunk.length : 0));
  for (let chunk = 0; chunk < full; chunk++) {
    const sealedChunk = bytes.subarray(
      chunk * SEALED_CHUNK_BYTES,
      (chunk + 1) * SEALED_CHUNK_BYTES,
    );
    plain.set(openChunk(sealedChunk, key, first + chunk, false), chunk * CHUNK_BYTES);
  }
  if (withLast) plain.set(lastChunk, full * CHUNK_BYTES);
  return plain;
}
