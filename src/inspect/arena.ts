/** Short byte strings kept for later, packed together; each is named by its position. */
export class Arena {
  readonly #pieces: Uint8Array[] = [];
  readonly #limit: number;
  #used = PIECE;

  /** @param limit bytes in all, below 4 GiB: a hostile file must not buy memory with bytes that count for nothing */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Copies bytes[at, at + length) in; its position, or -1 when there is no room (never for a length over 1 MiB). */
  keep(bytes: Uint8Array, at: number, length: number): number {
    if (length > PIECE) return -1;
    // Where nothing is kept there has to be a piece as well.
    if (this.#used + length > PIECE || this.#used === PIECE) {
      if ((this.#pieces.length + 1) * PIECE > this.#limit) return -1;
      this.#pieces.push(new Uint8Array(PIECE));
      this.#used = 0;
    }
    const piece = this.#pieces[this.#pieces.length - 1]!;
    for (let i = 0; i < length; i++) piece[this.#used + i] = bytes[at + i]!;
    const position = (this.#pieces.length - 1) * PIECE + this.#used;
    this.#used += length;
    return position;
  }

  /** A view of what was kept. */
  read(position: number, length: number): Uint8Array {
    const at = position % PIECE;
    return this.#pieces[Math.floor(position / PIECE)]!.subarray(at, at + length);
  }

  /** Whether bytes[at, at + length) are what was kept at `position`. */
  matches(position: number, bytes: Uint8Array, at: number, length: number): boolean {
    const piece = this.#pieces[Math.floor(position / PIECE)]!;
    const from = position % PIECE;
    for (let i = 0; i < length; i++) if (piece[from + i] !== bytes[at + i]) return false;
    return true;
  }
}

const PIECE = 1 << 20;
