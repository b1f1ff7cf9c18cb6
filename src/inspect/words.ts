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

const PIECE_BITS = 14;
const PIECE_MASK = (1 << PIECE_BITS) - 1;
