import type { Writable } from "node:stream";
import { createZstdDecompress } from "node:zlib";
import { FrameCutter } from "../format/zstd/frame.ts";
import { abortable } from "../io/abortable.ts";
import { freeMemory } from "../io/free-memory.ts";
import { unlessAborted } from "../io/patience.ts";
import { HoldfastError } from "../errors.ts";
import { decompressionFailure } from "./failure.ts";

/** Larger pieces are decompressed faster than small ones, up to about here. */
const CHUNK_BYTES = 512 << 10;
/** How far decompression may run ahead of who takes the bytes. */
const AHEAD_BYTES = 2 << 20;
const DECODER = { chunkSize: CHUNK_BYTES, readableHighWaterMark: AHEAD_BYTES };

export interface UnpackOptions {
  readonly signal: AbortSignal;
  /** Plain bytes that are wanted at most. The first piece beyond it is not handed out, it throws. */
  readonly limit?: number;
}

/**
 * Decompresses any zstd stream, with a seek table or without: all frames, checksums included, in bounded memory. Throws
 * "packed-damaged" when a frame is damaged or cut short, for anything that is no frame, and beyond `limit`. A stream that
 * ends between two frames is whole as far as zstd knows: who needs more compares sizes or digests. Windows above 128 MiB
 * are refused, as stock `zstd -d` does. Each piece is valid until the next is asked for: its memory is gone then.
 */
export async function* unpack(
  input: AsyncIterable<Uint8Array>,
  { signal, limit = Infinity }: UnpackOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = createZstdDecompress(DECODER);
  const left = new AbortController();
  const fed = feed(decoder, input, AbortSignal.any([signal, left.signal])).catch(
    (cause: Error) => void decoder.destroy(cause),
  );
  let plain = 0;
  try {
    for await (const piece of decoder as AsyncIterable<Uint8Array<ArrayBuffer>>) {
      plain += piece.length;
      if (plain > limit)
        throw new HoldfastError("packed-damaged", `more than ${limit} bytes come out of it`);
      yield piece;
      freeMemory(piece);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw decompressionFailure(error, plain);
  } finally {
    left.abort(new Error("nobody reads on"));
    decoder.destroy();
    await fed;
  }
}

/** The next piece is asked for when the decoder has done with the one before: its memory may be used again then. */
async function feed(
  decoder: Writable,
  input: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  for await (const piece of cutAtFrames(abortable(input, signal))) {
    const { promise: taken, resolve, reject } = Promise.withResolvers<void>();
    decoder.write(piece, (error) => (error ? reject(error) : resolve()));
    await unlessAborted(taken, signal);
  }
  decoder.end();
}

/**
 * The stream in pieces that never go beyond a frame: Node's decoder takes what lies behind a frame, in the same piece, for
 * garbage, and ends there without a word.
 */
async function* cutAtFrames(
  input: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const cutter = new FrameCutter();
  for await (const piece of input) {
    for (let at = 0; at < piece.length;) {
      const end = cutter.cut(piece, at);
      yield piece.subarray(at, end);
      at = end;
    }
  }
  if (!cutter.betweenFrames || cutter.seen === 0)
    throw new HoldfastError(
      "packed-damaged",
      `the compressed bytes end inside a frame, after ${cutter.seen} bytes`,
    );
}
