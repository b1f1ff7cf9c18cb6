/** A body of unknown length as numbered parts that are sent some at a time: memory for `WIDTH` + 1 parts, used again. */
/** Parts on their way at the same time. */
const WIDTH = 4;
const MIB = 1 << 20;
const SMALLEST = 8 * MIB;
const LARGEST_FIRST = 64 * MIB;
/** Parts after which the size doubles: with four sizes 10 000 parts hold 293 GiB, and more where the length is known. */
const PARTS_OF_A_SIZE = 2500;
/** What S3 allows at the most. */
export const MOST_PARTS = 10_000;

/** One of them; all but the last have the size that `partSize` says. */
export interface Part {
  /** From 1 on. */
  readonly number: number;
  /** Valid until the work on this part ends. */
  readonly bytes: Uint8Array;
  readonly isLast: boolean;
}

/** Bytes of part `number`, with so many bytes to expect in all. Equal for the first 2500, as some services want. */
export function partSize(number: number, sizeHint = 0): number {
  const needed = Math.ceil(sizeHint / PARTS_OF_A_SIZE / MIB) * MIB;
  const first = Math.min(LARGEST_FIRST, Math.max(SMALLEST, needed));
  return first * 2 ** Math.floor((number - 1) / PARTS_OF_A_SIZE);
}

/**
 * Yields the parts; an empty body is one empty part. `recycle` takes the memory of a part that nobody needs any more.
 * Throws what the body throws.
 */
export function partsOf(
  body: AsyncIterable<Uint8Array>,
  sizeHint: number | undefined,
): { parts: AsyncGenerator<Part>; recycle(part: Part): void } {
  const spare: Uint8Array[] = [];
  const memory = (size: number): Uint8Array => {
    const known = spare.pop();
    return known?.length === size ? known : new Uint8Array(size);
  };
  async function* parts(): AsyncGenerator<Part> {
    let number = 1;
    let filled = 0;
    let bytes = memory(partSize(number, sizeHint));
    for await (let rest of body) {
      while (rest.length > 0) {
        // a full part is given away only when another byte comes, so that the last is known to be the last
        if (filled === bytes.length) {
          yield { number, bytes, isLast: false };
          bytes = memory(partSize(++number, sizeHint));
          filled = 0;
        }
        const taken = rest.subarray(0, bytes.length - filled);
        bytes.set(taken, filled);
        filled += taken.length;
        rest = rest.subarray(taken.length);
      }
    }
    yield { number, bytes: bytes.subarray(0, filled), isLast: true };
  }
  return { parts: parts(), recycle: ({ bytes }) => void spare.push(bytes) };
}

/** A put under way: its signal is the caller's, and is aborted at the first failure too. */
export interface Sending {
  readonly signal: AbortSignal;
  fail(error: unknown): void;
}

export function createSending(signal: AbortSignal): Sending {
  const failed = new AbortController();
  return {
    signal: AbortSignal.any([signal, failed.signal]),
    fail: (error) => failed.abort(error),
  };
}

/**
 * Sends parts, `WIDTH` at a time, and resolves when all are there. At the first failure, of the parts or of a sending,
 * the others are aborted and awaited, and it is thrown. The body of the parts has to end with the signal of `sending`.
 */
export async function sendParts(
  parts: AsyncIterable<Part>,
  { signal, fail }: Sending,
  send: (part: Part) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const begin = (part: Part): void => {
    const job = send(part)
      .catch(fail)
      .finally(() => running.delete(job));
    running.add(job);
  };
  try {
    for await (const part of parts) {
      begin(part);
      if (running.size >= WIDTH) await Promise.race(running);
      signal.throwIfAborted();
    }
    await Promise.all(running);
    signal.throwIfAborted();
  } catch (error) {
    fail(error);
    await Promise.all(running);
    throw error;
  }
}
