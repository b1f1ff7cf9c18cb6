import { shiftCrc32c, type Crc32c } from "../format/crc32c.ts";
import { WordTable } from "./words.ts";

/**
 * The CRC-32C of the file up to any place that goes by. Asked in ascending order, as well-behaved files do, each byte
 * is summed once; a place further back costs a short way from the mark before it, however often it is asked for.
 */
export class RunningCrc {
  readonly #crc32c: Crc32c;
  /** The CRC up to each whole stretch. */
  readonly #checkpoints = new WordTable(1);
  /** The CRC up to each mark of the stretches that were asked for once more, while they are in the window. */
  readonly #marks = new Map<number, Marks>();
  #window: Uint8Array = new Uint8Array(0);
  #windowStart = 0;
  #cursor = 0;
  #crc = 0;

  constructor(crc32c: Crc32c) {
    this.#crc32c = crc32c;
    this.#checkpoints.reserve(1);
  }

  /** From here on the bytes are found in `window`, whose first is byte `start` of the file, at or before `reach(…)` of what is still asked for. */
  moveTo(window: Uint8Array, start: number): void {
    this.#window = window;
    this.#windowStart = start;
    for (const stretch of this.#marks.keys())
      if (stretch * STRETCH < start) this.#marks.delete(stretch);
  }

  /** The CRC of the file up to `to`; where the CRC up to `from` is known, that may be the shorter way. */
  upTo(to: number, from = -STRETCH, known = 0): number {
    if (to >= this.#cursor) return this.#advance(to);
    if (to - from <= MARK) return this.#sum(from, to, known);
    const { crcs, count } = this.#marksOf(Math.floor(to / STRETCH));
    const mark = Math.min(Math.floor((to % STRETCH) / MARK), count - 1);
    return this.#sum(to - (to % STRETCH) + mark * MARK, to, crcs[mark]!);
  }

  /** The CRC of the bytes from `from` up to `to` alone. */
  between(from: number, to: number): number {
    if (to - from <= MARK && to <= this.#cursor) return this.#sum(from, to, 0);
    const before = this.upTo(from);
    return (shiftCrc32c(before, to - from) ^ this.upTo(to, from, before)) >>> 0;
  }

  #advance(to: number): number {
    for (let next = this.#checkpoints.length; next * STRETCH <= to; next++) {
      this.#crc = this.#sum(this.#cursor, next * STRETCH, this.#crc);
      this.#cursor = next * STRETCH;
      this.#checkpoints.set(this.#checkpoints.reserve(1), 0, this.#crc);
    }
    this.#crc = this.#sum(this.#cursor, to, this.#crc);
    this.#cursor = to;
    return this.#crc;
  }

  /** The marks of a stretch, up to the cursor. */
  #marksOf(stretch: number): Marks {
    let marks = this.#marks.get(stretch);
    if (marks === undefined) {
      const crcs = new Uint32Array(STRETCH / MARK);
      crcs[0] = this.#checkpoints.get(stretch, 0);
      this.#marks.set(stretch, (marks = { crcs, count: 1 }));
    }
    for (; marks.count < marks.crcs.length; marks.count++) {
      const to = stretch * STRETCH + marks.count * MARK;
      if (to > this.#cursor) break;
      marks.crcs[marks.count] = this.#sum(to - MARK, to, marks.crcs[marks.count - 1]!);
    }
    return marks;
  }

  #sum(from: number, to: number, before: number): number {
    if (from === to) return before;
    return this.#crc32c(this.#window, before, from - this.#windowStart, to - this.#windowStart);
  }
}

/** The CRC of the file up to the start of a stretch and each MARK bytes on; the first `count` are known. */
interface Marks {
  readonly crcs: Uint32Array;
  count: number;
}

/** Bytes between checkpoints: few calls for long values. */
const STRETCH = 1 << 14;
/** Bytes between marks: little to sum again where runs overlap, as only stale and hostile ones do. */
const MARK = 1 << 8;

/** Where a window must begin for `upTo(at)` to be answered from it. */
export function reach(at: number): number {
  return Math.floor(at / STRETCH) * STRETCH;
}
