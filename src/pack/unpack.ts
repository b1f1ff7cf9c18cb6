import { pipeline } from "node:stream/promises";
import { createZstdDecompress } from "node:zlib";
import { FrameCutter } from "../format/zstd/frame.ts";
import { abortable } from "../io/abortable.ts";
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
 * are refused, as stock `zstd -d` does.
 */
export async function* unpack(
  input: AsyncIterable<Uint8Array>,
  { signal, limit = Infinity }: UnpackOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = createZstdDecompress(DECODER);
  const flowing = pipeline(cutAtFrames(abortable(input, signal)), decoder, { signal });
  flowing.catch(() => {}); // the decoder passes it on
  let plain = 0;
  try {
    for await (const piece of decoder as AsyncIterable<Uint8Array>) {
      plain += piece.length;
      if (plain > limit)
        throw new HoldfastError("packed-damaged", `more than ${limit} bytes come out of it`);
      yield piece;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw decompressionFailure(error, plain);
  } finally {
    decoder.destroy();
  }
}

/**
 * The stream in pieces that never go beyond a frame: Node's decoder takes what lies behind a frame, in the same piece, for
 * garbage, and ends there without a word. The pieces are copies, since the decoder holds them while the next ones come.
 */
async function* cutAtFrames(
  input: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const cutter = new FrameCutter();
  for await (const piece of input) {
    for (let at = 0; at < piece.length;) {
      const end = cutter.cut(piece, at);
      yield piece.slice(at, end);
      at = end;
    }
  }
  if (!cutter.betweenFrames || cutter.seen === 0)
    throw new HoldfastError(
      "packed-damaged",
      `the compressed bytes end inside a frame, after ${cutter.seen} bytes`,
    );
}
