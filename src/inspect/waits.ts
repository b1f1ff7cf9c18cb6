/** What waits for bytes further on: a row that ends there, a branch or a freelist that spans pages. */
export interface Waiting {
  /** The window must still hold the bytes from here on, when `resume` is called. */
  from: number;
  resume(): void;
  /** Others that wait for the same page. */
  next?: Waiting | undefined;
}

/** All that waits, by the page that it waits for. */
export class Waits {
  readonly #byPage = new Map<number, Waiting>();

  add(page: number, waiting: Waiting): void {
    waiting.next = this.#byPage.get(page);
    this.#byPage.set(page, waiting);
  }

  /** The page is there: what waits for it goes on, and may wait for a later one then. */
  resume(page: number): void {
    let waiting = this.#byPage.get(page);
    if (waiting !== undefined) this.#byPage.delete(page);
    while (waiting !== undefined) {
      const next = waiting.next;
      waiting.next = undefined;
      waiting.resume();
      waiting = next;
    }
  }

  /** The first byte that any of them needs, or `from` where that is earlier. */
  neededFrom(from: number): number {
    for (const first of this.#byPage.values())
      for (let each: Waiting | undefined = first; each !== undefined; each = each.next)
        from = Math.min(from, each.from);
    return from;
  }
}
