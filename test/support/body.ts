/** Bytes for stores: the same name gives the same bytes for ever, in pieces of several manners. */
import { createCipheriv, createHash } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";

/** `odd`: of 1 byte to some 100 kB; `large`: of a few MiB; `reused`: all in one piece of memory, overwritten each time. */
export type Pieces = "odd" | "large" | "reused";

export interface Digest {
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

const BLOCK = 1 << 20;

/** The bytes `from` to `to` of the endless sequence that belongs to a name. */
function bytesAt(block: Uint8Array, from: number, to: number): Uint8Array {
  const bytes = new Uint8Array(to - from);
  for (let done = 0; done < bytes.length;) {
    const piece = block.subarray((from + done) % BLOCK).subarray(0, bytes.length - done);
    bytes.set(piece, done);
    done += piece.length;
  }
  number(bytes, from);
  return bytes;
}

/** Every block begins with its number in two bytes, so that parts that change places are noticed. */
function number(bytes: Uint8Array, from: number): void {
  const to = from + bytes.length;
  for (let block = Math.floor(from / BLOCK); block * BLOCK < to; block++) {
    for (const [at, byte] of [block >> 8, block].entries()) {
      const place = block * BLOCK + at - from;
      if (place >= 0 && place < bytes.length) bytes[place] = byte;
    }
  }
}

const blocks = new Map<string, Uint8Array>();

function blockOf(name: string): Uint8Array {
  const known = blocks.get(name);
  if (known !== undefined) return known;
  const key = createHash("sha256").update(name).digest();
  const cipher = createCipheriv("aes-256-ctr", key, Buffer.alloc(16));
  const block = new Uint8Array(cipher.update(Buffer.alloc(BLOCK)));
  if (blocks.size > 50) blocks.clear();
  blocks.set(name, block);
  return block;
}

const STEPS: Readonly<Record<Pieces, readonly number[]>> = {
  odd: [1, 65_536, 3, 131_071, 100, 16_384, 99_999],
  large: [4 * BLOCK - 1, 2 * BLOCK, BLOCK + 7],
  reused: [65_536],
};

/** A stream of the first `size` bytes. */
export async function* body(
  name: string,
  size: number,
  pieces: Pieces = "odd",
): AsyncGenerator<Uint8Array> {
  const block = blockOf(name);
  const memory = new Uint8Array(STEPS.reused[0]!);
  const steps = STEPS[pieces];
  for (let at = 0, n = 0; at < size; n++) {
    const end = Math.min(size, at + steps[n % steps.length]!);
    const bytes = bytesAt(block, at, end);
    if (pieces === "reused") memory.set(bytes);
    yield pieces === "reused" ? memory.subarray(0, bytes.length) : bytes;
    if (pieces === "reused") memory.fill(0);
    at = end;
    if (n % 16 === 0) await turn();
  }
}

/** Yields `size` bytes and throws `cause`. */
export async function* throwing(
  name: string,
  size: number,
  cause: Error,
): AsyncGenerator<Uint8Array> {
  yield* body(name, size);
  throw cause;
}

export interface Slow {
  readonly body: AsyncIterable<Uint8Array>;
  /** Resolves when the body has given all its bytes and waits. */
  readonly waits: Promise<void>;
  /** Lets the body end. */
  goOn(): void;
}

/** Yields `size` bytes, and ends only when it is told to. */
export function slowly(name: string, size: number): Slow {
  const waits = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  async function* pieces(): AsyncGenerator<Uint8Array> {
    yield* body(name, size);
    waits.resolve();
    await gate.promise;
  }
  return { body: pieces(), waits: waits.promise, goOn: gate.resolve };
}

/** Size and digest of the bytes `from` to `to` (both at most `size`) of what `body(name, size)` yields. */
export function pattern(name: string, size: number, from = 0, to = size): Digest {
  const block = blockOf(name);
  const [start, end] = [Math.min(from, size), Math.min(to, size)];
  const hash = createHash("sha256");
  for (let at = start; at < end; at += 4 * BLOCK)
    hash.update(bytesAt(block, at, Math.min(end, at + 4 * BLOCK)));
  return { size: Math.max(0, end - start), sha256: hash.digest("hex") };
}

/** Size and digest of a stream that is read to its end. */
export async function digest(stream: AsyncIterable<Uint8Array>): Promise<Digest> {
  const hash = createHash("sha256");
  let size = 0;
  for await (const bytes of stream) {
    hash.update(bytes);
    size += bytes.length;
  }
  return { size, sha256: hash.digest("hex") };
}
