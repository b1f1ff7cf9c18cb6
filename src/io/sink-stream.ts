import type { Sink } from "./source.ts";

/** A piece on its way from who writes to who reads. */
interface Offer {
  readonly bytes: Uint8Array;
  readonly taken: () => void;
  readonly refuse: (reason: unknown) => void;
}

/**
 * What `work` writes to its sink, as a stream with nothing stored between: a write resolves when the piece after it is
 * asked for. The stream ends when `work` does, and throws what it throws. When the reader leaves early, or `signal` is
 * aborted, so is the signal that `work` gets, and it is waited for.
 */
export async function* sinkStream(
  work: (sink: Sink, signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const left = new AbortController();
  let next = nextOffer();
  let current: Offer | undefined;
  const sink: Sink = {
    write: (bytes) =>
      new Promise((taken, refuse) => {
        if (left.signal.aborted) refuse(left.signal.reason as Error);
        else next.resolve({ bytes, taken, refuse });
      }),
  };
  const working = work(sink, AbortSignal.any([signal, left.signal])).then(
    () => next.resolve(undefined),
    (cause: unknown) => next.reject(cause),
  );
  try {
    while ((current = await next.promise) !== undefined) {
      next = nextOffer();
      yield current.bytes;
      current.taken();
    }
  } finally {
    left.abort(new Error("nobody reads on"));
    current?.refuse(left.signal.reason);
    // a write that was offered meanwhile hears of it as well
    next.promise.then((offer) => offer?.refuse(left.signal.reason), ignore);
    await working;
  }
}

function nextOffer(): PromiseWithResolvers<Offer | undefined> {
  const next = Promise.withResolvers<Offer | undefined>();
  next.promise.catch(ignore); // who reads gets it, unless nobody does
  return next;
}

function ignore(): void {}
