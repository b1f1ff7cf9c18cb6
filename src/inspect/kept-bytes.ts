/** Bytes of the file that are at hand, and the position of the first. */
export interface Stretch {
  readonly bytes: Uint8Array;
  readonly start: number;
}

/**
 * Parts of the file kept for later. They are kept in whole chunks, each at most once, however many elements of stale or
 * hostile pages share it: so what is kept is never more than what was read.
 */
export class KeptBytes {
  readonly #most: number;
  readonly #slots = new Map<number, number>();
  readonly #pieces: Uint8Array[] = [];

  /** @param most bytes in all */
  constructor(most: number) {
    this.#most = most / CHUNK;
  }

  /**
   * Keeps the file from byte `from` up to `to`; whether there was room, or is bound to be. `stretch` has all of it, and
   * begins and ends with whole chunks there.
   */
  keep(stretch: Stretch, from: number, to: number, isBoundTo = false): boolean {
    for (let chunk = Math.floor(from / CHUNK); chunk * CHUNK < to; chunk++) {
      if (this.#slots.has(chunk)) continue;
      if (this.#slots.size >= this.#most && !isBoundTo) return false;
      const at = chunk * CHUNK - stretch.start;
      this.#add(chunk, stretch.bytes.subarray(at, at + CHUNK));
    }
    return true;
  }

  #add(chunk: number, bytes: Uint8Array): void {
    const slot = this.#slots.size;
    if (slot % CHUNKS === 0) this.#pieces.push(new Uint8Array(CHUNK * CHUNKS));
    this.#pieces.at(-1)!.set(bytes, (slot % CHUNKS) * CHUNK);
    this.#slots.set(chunk, slot);
  }

  /** A copy of what was kept. */
  read(from: number, to: number): Uint8Array {
    const out = new Uint8Array(to - from);
    for (let at = from; at < to;) {
      const chunk = Math.floor(at / CHUNK);
      const end = Math.min((chunk + 1) * CHUNK, to);
      const slot = this.#slots.get(chunk)!;
      const start = (slot % CHUNKS) * CHUNK + (at - chunk * CHUNK);
      const piece = this.#pieces[Math.floor(slot / CHUNKS)]!;
      out.set(piece.subarray(start, start + end - at), at - from);
      at = end;
    }
    return out;
  }
}

/** No page size is smaller. */
const CHUNK = 1 << 10;
/** Chunks allocated at a time. */
const CHUNKS = 1 << 10;
