/** Waiting with an end: a limit on the time in which nothing moves, never on the whole. */
export interface Patience extends Disposable {
  /** Aborted when the outer signal is, or when a wait lasts longer than the limit. */
  readonly signal: AbortSignal;
  /** A wait begins now, or begins anew. */
  start(): void;
  /** What was waited for has come. */
  stop(): void;
}

/**
 * Time that may pass between `start` and `stop`; it is not running yet.
 *
 * @param late makes the reason of the abort when the limit is over
 */
export function createPatience(
  limitMs: number,
  outer: AbortSignal | undefined,
  late: () => Error,
): Patience {
  const controller = new AbortController();
  const passOn = (): void => controller.abort(outer?.reason);
  if (outer?.aborted) passOn();
  else outer?.addEventListener("abort", passOn, { once: true });
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  const stop = (): void => {
    clearTimeout(timer);
    timer = undefined;
  };
  return {
    signal: controller.signal,
    start() {
      // what was given up may still move, and must not keep the process waiting
      if (isOver) return;
      if (timer === undefined) timer = setTimeout(() => controller.abort(late()), limitMs);
      else timer.refresh();
    },
    stop,
    [Symbol.dispose]() {
      isOver = true;
      stop();
      outer?.removeEventListener("abort", passOn);
    },
  };
}

/**
 * The result of `work`, or the reason of `signal` if that comes first. The work is not stopped by it: what can be
 * stopped should take the signal itself.
 */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  // Nobody waits for it any more, so its failure must not end the process.
  if (signal.aborted) work.catch(() => {});
  signal.throwIfAborted();
  let giveUp = (): void => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    giveUp = () => reject(signal.reason as Error);
    signal.addEventListener("abort", giveUp, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}
