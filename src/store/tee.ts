/** One stream for several readers, each at its own speed as far as a bounded buffer goes. */

/** One reader's side of a tee. */
export interface Branch {
  readonly pieces: AsyncIterable<Uint8Array>;
  /** Bytes that wait for this reader. */
  readonly waiting: number;
  readonly isDropped: boolean;
  /** The reader gets nothing any more but this failure, and nobody waits for it. */
  drop(failure: unknown): void;
}

export interface Tee {
  readonly branches: readonly Branch[];
  /** Gives a piece to every branch that is still there. The bytes are shared and must stay as they are. */
  give(bytes: Uint8Array): void;
  /** No more pieces come. */
  end(): void;
  /** Resolves as soon as a branch takes a piece or is dropped; for whoever waits for room. */
  changed(): Promise<void>;
}

/** A tee with so many branches. */
export function createTee(count: number): Tee {
  let change = Promise.withResolvers<void>();
  const changed = (): void => {
    change.resolve();
    change = Promise.withResolvers();
  };
  const branches = Array.from({ length: count }, () => createBranch(changed));
  return {
    branches,
    give: (bytes) => branches.forEach((branch) => branch.give(bytes)),
    end: () => branches.forEach((branch) => branch.end()),
    changed: () => change.promise,
  };
}

interface InnerBranch extends Branch {
  give(bytes: Uint8Array): void;
  end(): void;
}

function createBranch(changed: () => void): InnerBranch {
  const queue: Uint8Array[] = [];
  let waiting = 0;
  let hasEnded = false;
  let dropped: { readonly failure: unknown } | undefined;
  let wake = (): void => {};
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (dropped !== undefined) throw dropped.failure;
      const bytes = queue.shift();
      if (bytes !== undefined) {
        waiting -= bytes.length;
        changed();
        yield bytes;
      } else if (hasEnded) return;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  }
  return {
    pieces: pieces(),
    get waiting() {
      return waiting;
    },
    get isDropped() {
      return dropped !== undefined;
    },
    give(bytes) {
      if (dropped !== undefined) return;
      queue.push(bytes);
      waiting += bytes.length;
      wake();
    },
    end() {
      hasEnded = true;
      wake();
    },
    drop(failure) {
      dropped ??= { failure };
      queue.splice(0);
      waiting = 0;
      changed();
      wake();
    },
  };
}
