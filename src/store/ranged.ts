/** Parts of objects over HTTP: what is asked for, and whether it came as a whole. */
import { StoreFailure } from "./failure.ts";
import { explainConnection } from "./http-failure.ts";

/** Always a range, since its answer tells how much there is. One byte for a length of none. */
export function rangeHeader(offset: number, length: number): string {
  const last = length === Infinity ? "" : offset + Math.max(1, length) - 1;
  return `bytes=${offset}-${last}`;
}

interface Asked {
  readonly key: string;
  readonly offset: number;
  readonly length: number;
  readonly signal: AbortSignal;
  /** As it was answered; without it the whole object came. */
  readonly contentRange: string | undefined;
  readonly contentLength: number | undefined;
}

/**
 * The pieces, if they are all that was asked for. Throws "store-wrong-answer" for less or more or another place, which
 * may pass, and the signal's reason.
 */
export async function* wholeRange(
  asked: Asked,
  pieces: AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  const { key, signal, length } = asked;
  const expected = expectedLength(asked);
  let came = 0;
  try {
    for await (const bytes of pieces) {
      signal.throwIfAborted();
      came += bytes.length;
      if (came > expected && length > 0) throw wrong(key, `more than ${expected} bytes came`);
      if (length > 0) yield bytes;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw brokenOff(key, error) ?? explainConnection(`cannot read "${key}"`, error) ?? error;
  }
  signal.throwIfAborted();
  if (came < expected) throw wrong(key, `it broke off after ${came} of ${expected} bytes`);
}

function expectedLength({ key, offset, length, contentRange, contentLength }: Asked): number {
  if (contentRange === undefined) {
    if (offset > 0 || (length !== Infinity && length < (contentLength ?? 0)))
      throw new StoreFailure(
        "store-unsupported",
        `cannot read "${key}": the service knows no ranges`,
      );
    if (contentLength === undefined) throw wrong(key, "the answer has no length");
    return contentLength;
  }
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(contentRange) ?? [];
  const wanted = Math.min(Number(total), offset + Math.max(1, length)) - 1;
  if (Number(first) !== offset || Number(last) !== wanted)
    throw wrong(key, `"${contentRange}" came for bytes from ${offset} to ${wanted}`);
  return wanted - offset + 1;
}

/** Streams of SDKs say that they were aborted, whoever did it. */
function brokenOff(key: string, error: unknown): StoreFailure | undefined {
  if (!(error instanceof Error) || error.name !== "AbortError") return undefined;
  const message = `cannot read "${key}": the connection was broken off`;
  return new StoreFailure("store-unreachable", message, { transient: true });
}

function wrong(key: string, what: string): StoreFailure {
  const message = `cannot read "${key}": ${what}`;
  return new StoreFailure("store-wrong-answer", message, { transient: true });
}
