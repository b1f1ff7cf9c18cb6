import { promisify } from "node:util";
import { constants, zstdCompress, type ZstdOptions } from "node:zlib";
import { encodeSeekTable, type FrameSize } from "../format/zstd/seek-table.ts";
import { abortable } from "../io/abortable.ts";
import { unlessAborted } from "../io/patience.ts";

/**
 * Plain bytes of a frame: what has to be decompressed to read one byte at random. As much as the window that every
 * decoder should have (RFC 8878, section 3.1.1.1.2), so that all of a frame can be looked back upon: old revisions of an
 * object lie far from each other. Against 4 MiB and zstd's own window of 2, about a fifth smaller and faster.
 */
const FRAME_BYTES = 8 << 20;
const WINDOW_LOG = Math.log2(FRAME_BYTES);
/** zstd's own default: higher ones take far longer for a few percent. */
const LEVEL = 3;
/** Frames that are compressed at the same time, each on its own thread. */
const IN_FLIGHT = 2;

export interface PackOptions {
  readonly signal: AbortSignal;
}

/** A frame on its way through a compressing thread. */
interface Work {
  readonly block: Block;
  readonly packed: Promise<Uint8Array>;
}

/** Memory for a frame's plain bytes, used again and again. */
interface Block {
  readonly bytes: Uint8Array;
  filled: number;
}

/**
 * Compresses into zstd's seekable format: independent frames of 8 MiB with checksums, and behind them the seek table in
 * a frame that stock `zstd -d` passes over. An empty input becomes one empty frame. Memory is that of a few frames. The
 * same input does not promise the same output on another version of zstd.
 */
export async function* pack(
  input: AsyncIterable<Uint8Array>,
  { signal }: PackOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const frames: FrameSize[] = [];
  const running: Work[] = [];
  const free: Block[] = [];
  async function finish({ block, packed }: Work): Promise<Uint8Array> {
    const frame = await unlessAborted(packed, signal);
    frames.push({ packed: frame.length, plain: block.filled });
    free.push(block);
    return frame;
  }
  for await (const block of fillBlocks(abortable(input, signal), free)) {
    if (running.length === IN_FLIGHT) yield await finish(running.shift()!);
    running.push(compress(block));
  }
  for (const work of running) yield await finish(work);
  yield encodeSeekTable(frames);
}

function compress(block: Block): Work {
  const packed = compressFrame(block.bytes.subarray(0, block.filled));
  // Whoever waits for it hears of a failure; an abort may leave nobody waiting.
  packed.catch(() => {});
  return { block, packed };
}

const promised = promisify<Uint8Array, ZstdOptions, Uint8Array>(zstdCompress);

function compressFrame(plain: Uint8Array): Promise<Uint8Array> {
  const { ZSTD_c_compressionLevel, ZSTD_c_checksumFlag, ZSTD_c_windowLog } = constants;
  return promised(plain, {
    params: {
      [ZSTD_c_compressionLevel]: LEVEL,
      [ZSTD_c_checksumFlag]: 1,
      [ZSTD_c_windowLog]: WINDOW_LOG,
    },
    pledgedSrcSize: plain.length,
    chunkSize: mostPacked(plain.length),
  });
}

/**
 * What zstd may come to at most (its ZSTD_compressBound). With room for all of it zstd reads the plain bytes where they
 * are; with less it copies them into a window of its own. What is not written to is never in memory.
 */
function mostPacked(plainBytes: number): number {
  return plainBytes + (plainBytes >> 8) + 64;
}

/** The input in blocks of a frame's size, the last one shorter; at least one. Takes its memory from `free` when it can. */
async function* fillBlocks(
  input: AsyncIterable<Uint8Array>,
  free: Block[],
): AsyncGenerator<Block, void, undefined> {
  let block = takeBlock(free);
  for await (const piece of input) {
    for (let at = 0; at < piece.length;) {
      if (block.filled === FRAME_BYTES) {
        yield block;
        block = takeBlock(free);
      }
      const part = piece.subarray(at, at + FRAME_BYTES - block.filled);
      block.bytes.set(part, block.filled);
      block.filled += part.length;
      at += part.length;
    }
  }
  yield block;
}

function takeBlock(free: Block[]): Block {
  const block = free.pop() ?? { bytes: new Uint8Array(FRAME_BYTES), filled: 0 };
  block.filled = 0;
  return block;
}
