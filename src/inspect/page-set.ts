/** A set of page ids: one bit for each page there is. */
export class PageSet {
  readonly #pages: number;
  readonly #bits: Uint8Array;

  /** @param pages ids from here on are never in it */
  constructor(pages: number) {
    this.#pages = pages;
    this.#bits = new Uint8Array(Math.ceil(pages / 8));
  }

  has(page: number): boolean {
    return page < this.#pages && (this.#bits[page >>> 3]! & (1 << (page & 7))) !== 0;
  }

  add(page: number): void {
    if (page < this.#pages) this.#bits[page >>> 3]! |= 1 << (page & 7);
  }
}
