/** What is free of charge before a byte was read: more than the largest element table, so that no sound page waits. */
const FREE = 4 << 20;

/**
 * Work that a page's own bytes do not pay for: element tables and elements beyond what bbolt puts into a page, keys
 * beyond any that are in use. All together it may not exceed the bytes read, so that no file costs more than linear
 * time, however its runs overlap.
 */
export class Budget {
  #bytes = FREE;

  earn(bytes: number): void {
    this.#bytes += bytes;
  }

  /** False when there is not as much left; then nothing is taken. */
  spend(bytes: number): boolean {
    if (bytes > this.#bytes) return false;
    this.#bytes -= bytes;
    return true;
  }
}
