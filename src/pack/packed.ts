import { promisify } from "node:util";
import { zstdDecompress, type ZstdOptions } from "node:zlib";
import { concatBytes } from "../format/bytes.ts";
import { FrameCutter } from "../format/zstd/frame.ts";
import {
  decodeFooter,
  decodeSeekTable,
  FOOTER_BYTES,
  frameAt,
  type SeekTable,
} from "../format/zstd/seek-table.ts";
import type { RangeSource, ReadRange } from "../io/range-source.ts";
import { HoldfastError } from "../errors.ts";
import { decompressionFailure } from "./failure.ts";

/** Frames that are kept: neighbours are asked for again and again. */
const KEPT_FRAMES = 4;
/** Ours have 8 MiB. */
const MOST_FRAME_BYTES = 32 << 20;

/**
 * Random access to bytes in zstd's seekable format, through random access to the packed ones. A read costs the frames
 * that it touches; a few are kept. Throws "no-random-access" when there is no seek table, "packed-damaged" when it or a
 * frame does not hold together, and what `readAt` throws.
 *
 * @param size packed bytes
 */
export async function openPacked(readAt: ReadRange, size: number): Promise<RangeSource> {
  const table = await readSeekTable(readAt, size);
  const frames = keptFrames((frame) => readFrame(readAt, table, frame));
  const plainSize = table.plainStarts.at(-1)!;
  return {
    size: plainSize,
    readAt: (offset, length) =>
      gather(table, frames, offset, Math.min(length, Math.max(0, plainSize - offset))),
  };
}

async function readSeekTable(readAt: ReadRange, size: number): Promise<SeekTable> {
  const start = Math.max(0, size - FOOTER_BYTES);
  const footer = decodeFooter(await readAll(readAt, start, size - start), size);
  if (footer === undefined)
    throw new HoldfastError(
      "no-random-access",
      "the compressed bytes do not end with a seek table",
    );
  const tableStart = size - footer.tableBytes;
  return decodeSeekTable(await readAll(readAt, tableStart, footer.tableBytes), footer, size);
}

async function readAll(readAt: ReadRange, offset: number, length: number): Promise<Uint8Array> {
  const bytes = await readAt(offset, length);
  if (bytes.length !== length)
    throw new HoldfastError(
      "packed-damaged",
      `the compressed bytes end at ${offset + bytes.length}, wanted ${length} bytes at ${offset}`,
    );
  return bytes;
}

type ReadFrame = (frame: number) => Promise<Uint8Array>;

/** The last frames asked for, also while they are being read. One that failed is read again the next time. */
function keptFrames(read: ReadFrame): ReadFrame {
  const kept = new Map<number, Promise<Uint8Array>>();
  return (frame) => {
    const bytes = kept.get(frame) ?? read(frame);
    kept.delete(frame);
    kept.set(frame, bytes);
    bytes.catch(() => kept.delete(frame));
    if (kept.size > KEPT_FRAMES) kept.delete(kept.keys().next().value!);
    return bytes;
  };
}

const decompress = promisify<Uint8Array, ZstdOptions, Uint8Array>(zstdDecompress);

async function readFrame(readAt: ReadRange, table: SeekTable, frame: number): Promise<Uint8Array> {
  const [start, end] = [table.packedStarts[frame]!, table.packedStarts[frame + 1]!];
  const plainStart = table.plainStarts[frame]!;
  const wanted = table.plainStarts[frame + 1]! - plainStart;
  if (Math.max(wanted, end - start) > MOST_FRAME_BYTES)
    throw new HoldfastError("no-random-access", `frame ${frame} has ${wanted} bytes, too many`);
  const packed = await readAll(readAt, start, end - start);
  checkOneFrame(packed, start);
  const plain = await decompress(packed, { maxOutputLength: wanted, chunkSize: wanted + 64 }).catch(
    (error: unknown) => {
      throw decompressionFailure(error, plainStart);
    },
  );
  if (plain.length !== wanted)
    throw damagedFrame(start, `${plain.length} plain bytes, wanted ${wanted}`);
  return plain;
}

/** Node's decoder says nothing of bytes behind a frame. */
function checkOneFrame(packed: Uint8Array, start: number): void {
  const cutter = new FrameCutter();
  const end = cutter.cut(packed, 0);
  if (end !== packed.length || !cutter.betweenFrames)
    throw damagedFrame(start, `it ends after ${end} bytes, wanted ${packed.length}`);
}

function damagedFrame(start: number, what: string): HoldfastError {
  return new HoldfastError("packed-damaged", `the frame at byte ${start} is damaged: ${what}`);
}

/** The bytes of one frame as they are kept, those of several in new memory. `length` stays inside. */
async function gather(
  table: SeekTable,
  readFrameAt: ReadFrame,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  const end = offset + length;
  const parts: Uint8Array[] = [];
  for (let at = offset; at < end;) {
    const frame = frameAt(table, at);
    const frameStart = table.plainStarts[frame]!;
    const part = (await readFrameAt(frame)).subarray(at - frameStart, end - frameStart);
    parts.push(part);
    at += part.length;
  }
  return parts.length === 1 ? parts[0]! : concatBytes(parts);
}
