import { unlessAborted } from "../io/patience.ts";
import type { ByteSource } from "../io/source.ts";

/** Bytes read at a time: large enough that system calls and hand-overs cost nothing. */
const PIECE = 2 << 20;
/**
 * Room in front of a piece for what the one before it left over. glibc puts large memory 16 bytes behind the start of a
 * page; with so much less, a piece begins with a page: where it began behind it, the kernel of a Zen 3 took three times
 * as long to copy a file there.
 */
const ROOM = (1 << 20) - 16;
/** Pieces in memory at once: one being read, one inspected, the others being hashed and written. */
const PIECES = 4;

/** One stretch of the source, in shared memory so that another thread can hash it where it lies. */
export interface Piece {
  /** Position of the first byte in the source. */
  readonly start: number;
  /** The bytes read; valid until `release`. */
  readonly bytes: Uint8Array;
  /**
   * These bytes with the last `length` bytes of `before` in front: one window over both. Copies those few; only
   * where they are more than the room kept for them, all of it.
   */
  withCarry(before: Uint8Array): Uint8Array;
  /** Gives the memory back for a later piece. */
  release(): void;
}

/** Reads a source piece by piece, one ahead of the consumer. At most PIECES are out at a time: then it waits. */
export async function* readPieces(
  source: ByteSource,
  signal: AbortSignal | undefined,
): AsyncGenerator<Piece> {
  const pool = new Pool();
  let start = 0;
  const begin = (): Promise<Piece | undefined> => {
    const next = pool.take().then((memory) => readPiece(source, memory, start, pool));
    // Whoever stops early never awaits the piece that is under way: its failure is then nobody's news.
    next.catch(() => {});
    return next;
  };
  try {
    for (let next = begin(); ;) {
      const piece = await (signal === undefined ? next : unlessAborted(next, signal));
      if (piece === undefined) return;
      start += piece.bytes.length;
      next = begin();
      yield piece;
    }
  } finally {
    pool.end();
  }
}

async function readPiece(
  source: ByteSource,
  memory: Uint8Array,
  start: number,
  pool: Pool,
): Promise<Piece | undefined> {
  let filled = 0;
  while (filled < PIECE) {
    const count = await source.read(memory.subarray(ROOM + filled, ROOM + PIECE));
    if (count === 0) break;
    filled += count;
  }
  if (filled === 0) {
    pool.give(memory);
    return undefined;
  }
  const bytes = memory.subarray(ROOM, ROOM + filled);
  return {
    start,
    bytes,
    withCarry: (before) => joinCarry(memory, bytes, before),
    release: () => pool.give(memory),
  };
}

function joinCarry(memory: Uint8Array, bytes: Uint8Array, before: Uint8Array): Uint8Array {
  if (before.length <= ROOM) {
    memory.set(before, ROOM - before.length);
    return memory.subarray(ROOM - before.length, ROOM + bytes.length);
  }
  const joined = new Uint8Array(before.length + bytes.length);
  joined.set(before);
  joined.set(bytes, before.length);
  return joined;
}

/** What earlier reads gave back: many megabytes that would lie about as garbage while the next read has its own. */
const SPARE: Uint8Array[] = [];

/** A fixed number of pieces' memory, handed out and taken back; allocated as first needed. */
class Pool {
  #free: Uint8Array[] = [];
  readonly #waiting: ((memory: Uint8Array) => void)[] = [];
  #allocated = 0;

  async take(): Promise<Uint8Array> {
    const memory = this.#free.pop();
    if (memory !== undefined) return memory;
    if (this.#allocated < PIECES) {
      this.#allocated++;
      return SPARE.pop() ?? new Uint8Array(new SharedArrayBuffer(ROOM + PIECE));
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  give(memory: Uint8Array): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#free.push(memory);
    else waiting(memory);
  }

  /** What is free, and what is given from now on, is for others. */
  end(): void {
    SPARE.push(...this.#free);
    this.#free = SPARE;
  }
}
