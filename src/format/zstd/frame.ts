/**
 * Where the frames of a zstd stream begin and end (RFC 8878, section 3), found without decompressing. Integers are
 * little endian.
 *
 * ```text
 * frame       u32 0xFD2FB528, descriptor, [window], [dictionary id], [content size], blocks, [u32 checksum]
 * descriptor  u8: bits 7-6 size of content size, 5 single segment (no window), 3 reserved, 2 checksum, 1-0 size of id
 * window      u8: bits 7-3 exponent over 10, 2-0 eighths
 * block       u24: bit 0 last, bits 2-1 type (raw, RLE, compressed, reserved), bits 23-3 size; then size bytes, RLE: one
 * skippable   u32 0x184D2A50 to 0x184D2A5F, u32 size, size bytes
 * ```
 */
import { HoldfastError } from "../../errors.ts";
import { u32le, u64le } from "../bytes.ts";

const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const MOST_BLOCK_BYTES = 128 << 10;
/** What stock `zstd -d` takes without being asked for more. */
const MOST_WINDOW_BYTES = 2 ** 27;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4];
const CHECKSUM_BYTES = 4;
const RLE = 1;
const RESERVED = 3;

/** What the walk over a stream asks for: some bytes to look at, or to go by, and then perhaps the frame is over. */
interface Step {
  readonly bytes: number;
  readonly kind: "look" | "pass" | "end";
}

const look = (bytes: number): Step => ({ bytes, kind: "look" });
const pass = (bytes: number): Step => ({ bytes, kind: "pass" });
const END: Step = { bytes: 0, kind: "end" };

interface Position {
  /** Bytes before the last ones that were looked at. */
  offset: number;
}

function* walk(position: Position): Generator<Step, never, Uint8Array> {
  for (;;) {
    const magic = u32le(yield look(4), 0);
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) yield pass(u32le(yield look(4), 0));
    else if (magic === MAGIC) yield* walkFrame(position);
    else throw damaged(position, "no zstd frame begins here");
    yield END;
  }
}

function* walkFrame(position: Position): Generator<Step, void, Uint8Array> {
  const descriptor = (yield look(1))[0]!;
  if ((descriptor & 0x08) !== 0) throw damaged(position, "a reserved bit of a frame is set");
  checkWindow(position, descriptor, yield look(fieldBytes(descriptor)));
  for (let last = false; !last;) {
    const header = yield look(3);
    const type = (header[0]! >> 1) & 3;
    const size = (header[0]! | (header[1]! << 8) | (header[2]! << 16)) >>> 3;
    if (type === RESERVED || size > MOST_BLOCK_BYTES)
      throw damaged(position, `a block of type ${type} and ${size} bytes`);
    yield pass(type === RLE ? 1 : size);
    last = (header[0]! & 1) === 1;
  }
  if ((descriptor & 0x04) !== 0) yield pass(CHECKSUM_BYTES);
}

const isSingleSegment = (descriptor: number): boolean => (descriptor & 0x20) !== 0;

/** Window, dictionary id and content size, of which there is at least one byte. */
function fieldBytes(descriptor: number): number {
  const window = isSingleSegment(descriptor) ? 0 : 1;
  return window + DICTIONARY_ID_BYTES[descriptor & 3]! + contentSizeBytes(descriptor);
}

function contentSizeBytes(descriptor: number): number {
  const flag = descriptor >> 6;
  return flag === 0 ? Number(isSingleSegment(descriptor)) : 1 << flag;
}

/** The window is what a decoder allocates before it has seen anything else. */
function checkWindow(position: Position, descriptor: number, fields: Uint8Array): void {
  const bytes = isSingleSegment(descriptor)
    ? contentSize(fields.subarray(DICTIONARY_ID_BYTES[descriptor & 3]))
    : 2 ** (10 + (fields[0]! >> 3)) * (1 + (fields[0]! & 7) / 8);
  if (bytes > MOST_WINDOW_BYTES)
    throw damaged(position, `a window of ${bytes} bytes, wanted at most ${MOST_WINDOW_BYTES}`);
}

function contentSize(field: Uint8Array): number {
  const padded = new Uint8Array(8);
  padded.set(field);
  // two bytes count from 256
  return Number(u64le(padded, 0)) + (field.length === 2 ? 256 : 0);
}

function damaged({ offset }: Position, what: string): HoldfastError {
  return new HoldfastError(
    "packed-damaged",
    `the compressed bytes are damaged at ${offset}: ${what}`,
  );
}

/** Follows a zstd stream in pieces of any size, which are handed in once, cut by cut. */
export class FrameCutter {
  readonly #position: Position = { offset: 0 };
  readonly #walk = walk(this.#position);
  readonly #looked = new Uint8Array(16);
  #step: Step = this.#walk.next().value;
  /** Bytes of the step that have come. */
  #done = 0;
  #seen = 0;
  #inside = false;

  /** Bytes seen so far. */
  get seen(): number {
    return this.#seen;
  }

  /** No frame is open: the stream may end here. */
  get betweenFrames(): boolean {
    return !this.#inside;
  }

  /** Where the frame that goes on (or begins) at `from` ends in this piece, or the piece's length. Throws "packed-damaged". */
  cut(piece: Uint8Array, from: number): number {
    const start = this.#seen - from;
    this.#inside = true;
    while (this.#inside && this.#seen - start < piece.length) {
      this.#take(piece, this.#seen - start);
      while (this.#done === this.#step.bytes && this.#inside) this.#advance();
    }
    return this.#seen - start;
  }

  #take(piece: Uint8Array, at: number): void {
    const taken = Math.min(piece.length - at, this.#step.bytes - this.#done);
    if (this.#step.kind === "look") this.#looked.set(piece.subarray(at, at + taken), this.#done);
    this.#done += taken;
    this.#seen += taken;
  }

  #advance(): void {
    const { kind, bytes } = this.#step;
    if (kind === "end") this.#inside = false;
    this.#position.offset = this.#seen - bytes;
    this.#step = this.#walk.next(this.#looked.subarray(0, bytes)).value;
    this.#done = 0;
  }
}
