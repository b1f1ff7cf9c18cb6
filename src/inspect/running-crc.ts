import type { Crc32c } from "../format/crc32c.ts";
import { WordTable } from "./words.ts";

/**
 * The CRC-32C of the file up to any place that goes by. Asked in ascending order, as well-behaved files do, each byte
 * is summed once; a place further back costs at most one stretch from the checkpoint before it.
 */
export class RunningCrc {
  readonly #crc32c: Crc32c;
  /** The CRC up to each whole stretch. */
  readonly #checkpoints = new WordTable(1);
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
  }

  /** The CRC of the file up to `to`; where the CRC up to `from` is known, that may be the shorter way. */
  upTo(to: number, from = 0, known = 0): number {
    if (to >= this.#cursor) return this.#advance(to);
    const stretch = Math.floor(to / STRETCH);
    if (from > stretch * STRETCH) return this.#sum(from, to, known);
    return this.#sum(stretch * STRETCH, to, this.#checkpoints.get(stretch, 0));
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

  #sum(from: number, to: number, before: number): number {
    if (from === to) return before;
    return this.#crc32c(this.#window, before, from - this.#windowStart, to - this.#windowStart);
  }
}

/** Bytes between checkpoints: few calls for long values, and little to sum again where runs overlap. */
const STRETCH = 1 << 14;

/** Where a window must begin for `upTo(at)` to be answered from it. */
export function reach(at: number): number {
  return Math.floor(at / STRETCH) * STRETCH;
}
