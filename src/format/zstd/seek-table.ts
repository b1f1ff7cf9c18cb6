/**
 * The seek table of zstd's seekable format, version 0.1.0: a skippable frame at the end of a file of independent frames.
 * Integers are little endian.
 *
 * ```text
 * 0   u32  0x184D2A5E, skippable frame
 * 4   u32  bytes that follow
 * 8   entries: u32 packed bytes, u32 plain bytes, u32 checksum if the descriptor says so
 * -9  u32  number of entries
 * -5  u8   descriptor: bit 7 entries have checksums; bits 6-2 are 0; bits 1-0 mean nothing
 * -4  u32  0x8F92EAB1
 * ```
 */
import { HoldfastError } from "../../errors.ts";
import { putU32le, u32le } from "../bytes.ts";

const SKIPPABLE_MAGIC = 0x184d2a5e;
const SEEKABLE_MAGIC = 0x8f92eab1;
const HEADER_BYTES = 8;
/** Bytes at the very end of the file that say how long the table is. */
export const FOOTER_BYTES = 9;
/** 4 TiB of our frames; a table may not cost more memory than this. */
const MOST_FRAMES = 1 << 20;

export interface FrameSize {
  /** Bytes in the file. */
  readonly packed: number;
  /** Bytes when decompressed. */
  readonly plain: number;
}

/** Sizes below 4 GiB, fewer than 2^20 frames. */
export function encodeSeekTable(frames: readonly FrameSize[]): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + 8 * frames.length + FOOTER_BYTES);
  putU32le(bytes, 0, SKIPPABLE_MAGIC);
  putU32le(bytes, 4, bytes.length - HEADER_BYTES);
  let at = HEADER_BYTES;
  for (const { packed, plain } of frames) {
    putU32le(bytes, at, packed);
    putU32le(bytes, at + 4, plain);
    at += 8;
  }
  putU32le(bytes, at, frames.length);
  putU32le(bytes, at + 5, SEEKABLE_MAGIC);
  return bytes;
}

export interface SeekTableFooter {
  readonly frames: number;
  /** Bytes of an entry: 8, or 12 with a checksum. */
  readonly entryBytes: number;
  /** Bytes of the whole table, from its skippable frame's magic to the end of the file. */
  readonly tableBytes: number;
}

/**
 * What the last bytes of a file of `size` bytes say; undefined when they are not the end of a seek table. Throws
 * "packed-damaged" for a table that cannot be.
 *
 * @param last the last `FOOTER_BYTES` bytes
 */
export function decodeFooter(last: Uint8Array, size: number): SeekTableFooter | undefined {
  if (last.length !== FOOTER_BYTES || u32le(last, 5) !== SEEKABLE_MAGIC) return undefined;
  const frames = u32le(last, 0);
  const descriptor = last[4]!;
  const entryBytes = (descriptor & 0x80) === 0 ? 8 : 12;
  const tableBytes = HEADER_BYTES + frames * entryBytes + FOOTER_BYTES;
  if ((descriptor & 0x7c) !== 0) throw damaged(size - 5, "reserved bits of its descriptor are set");
  if (frames > MOST_FRAMES)
    throw damaged(size - 9, `${frames} frames are more than ${MOST_FRAMES}`);
  if (tableBytes > size) throw damaged(size - 9, `${frames} frames do not fit into the file`);
  return { frames, entryBytes, tableBytes };
}

/** Where each frame lies, packed and plain. */
export interface SeekTable {
  readonly frames: number;
  /** First byte of each frame in the file, and behind the last one its end. */
  readonly packedStarts: Float64Array;
  /** First plain byte of each frame, and the size of the whole. */
  readonly plainStarts: Float64Array;
}

/** The table whose footer was read. `table` is its bytes, the last `tableBytes` of a file of `size`. Throws "packed-damaged". */
export function decodeSeekTable(
  table: Uint8Array,
  footer: SeekTableFooter,
  size: number,
): SeekTable {
  const { frames, entryBytes, tableBytes } = footer;
  const start = size - tableBytes;
  if (table.length !== tableBytes) throw damaged(start, `${table.length} of ${tableBytes} bytes`);
  if (u32le(table, 0) !== SKIPPABLE_MAGIC) throw damaged(start, "it is no skippable frame");
  if (u32le(table, 4) !== tableBytes - HEADER_BYTES)
    throw damaged(start + 4, `a length of ${u32le(table, 4)}, wanted ${tableBytes - HEADER_BYTES}`);
  const packedStarts = new Float64Array(frames + 1);
  const plainStarts = new Float64Array(frames + 1);
  for (let frame = 0; frame < frames; frame++) {
    const at = HEADER_BYTES + frame * entryBytes;
    packedStarts[frame + 1] = packedStarts[frame]! + u32le(table, at);
    plainStarts[frame + 1] = plainStarts[frame]! + u32le(table, at + 4);
  }
  if (packedStarts[frames] !== start)
    throw damaged(start, `its frames end at byte ${packedStarts[frames]}`);
  return { frames, packedStarts, plainStarts };
}

/** The frame that holds a plain byte; the offset is below the plain size. */
export function frameAt({ frames, plainStarts }: SeekTable, offset: number): number {
  let low = 0;
  let high = frames - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (plainStarts[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

function damaged(offset: number, what: string): HoldfastError {
  return new HoldfastError(
    "packed-damaged",
    `the seek table at byte ${offset} is damaged: ${what}`,
  );
}
