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

/** 32-bit numbers one after the other, for as many as there are pages: an array would take twice as much and more. */
export class WordList {
  #words = new Uint32Array(16);
  #length = 0;

  push(word: number): void {
    if (this.#length === this.#words.length) {
      const larger = new Uint32Array(2 * this.#length);
      larger.set(this.#words);
      this.#words = larger;
    }
    this.#words[this.#length++] = word;
  }

  /** A view of all that was added. */
  list(): Uint32Array {
    return this.#words.subarray(0, this.#length);
  }
}

const PIECE_BITS = 14;
const PIECE_MASK = (1 << PIECE_BITS) - 1;
