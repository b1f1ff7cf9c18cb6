/** Records of a fixed number of 32-bit words, in pieces: grows without copying, and costs what it holds. */
export class WordTable {
  readonly #stride: number;
  readonly #pieces: Uint32Array[] = [];
  length = 0;

  constructor(stride: number) {
    this.#stride = stride;
  }

  /** Makes room for `count` zeroed records; the index of the first. */
  reserve(count: number): number {
    const first = this.length;
    this.length += count;
    while (this.#pieces.length << PIECE_BITS < this.length)
      this.#pieces.push(new Uint32Array(this.#stride << PIECE_BITS));
    return first;
  }

  get(index: number, word: number): number {
    return this.#pieces[index >>> PIECE_BITS]![(index & PIECE_MASK) * this.#stride + word]!;
  }

  set(index: number, word: number, value: number): void {
    this.#pieces[index >>> PIECE_BITS]![(index & PIECE_MASK) * this.#stride + word] = value;
  }
}

/** 32-bit numbers one after the other, in pieces as well: for as many as there are pages, or for one. */
export class WordList implements Iterable<number> {
  readonly #pieces: Uint32Array[] = [];
  #last = new Uint32Array(0);
  #used = 0;

  push(word: number): void {
    if (this.#used === this.#last.length) {
      this.#last = new Uint32Array(Math.min(Math.max(16, 2 * this.#used), 1 << PIECE_BITS));
      this.#pieces.push(this.#last);
      this.#used = 0;
    }
    this.#last[this.#used++] = word;
  }

  *[Symbol.iterator](): Generator<number, void, undefined> {
    for (const piece of this.#pieces)
      yield* piece === this.#last ? piece.subarray(0, this.#used) : piece;
  }
}

const PIECE_BITS = 14;
const PIECE_MASK = (1 << PIECE_BITS) - 1;
