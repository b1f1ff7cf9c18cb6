/** Trying again: with growing pauses, for as long as something moves now and then. */
import { abortable } from "../io/abortable.ts";
import { monotonicMs } from "../io/clock.ts";
import type { Log } from "../io/log.ts";
import { createPatience, unlessAborted, type Patience } from "../io/patience.ts";
import { pause } from "../io/pause.ts";
import { randomUint32 } from "../io/random.ts";
import { isTransient, StoreFailure } from "./failure.ts";

/** How long to keep trying. */
export interface Persistence {
  /** An attempt in which nothing moves for so long is given up, as if the store had broken it off. */
  readonly stallMs: number;
  /** When nothing has moved for so long in spite of all attempts, the last failure is final. */
  readonly noProgressMs: number;
  /** Pause after the first failure; it doubles with each further one, up to `LONGEST_PAUSE_MS`. */
  readonly firstPauseMs: number;
}

export const USUAL_PERSISTENCE: Persistence = {
  stallMs: 30_000,
  noProgressMs: 180_000,
  firstPauseMs: 250,
};

const LONGEST_PAUSE_MS = 20_000;

/** One attempt under way. */
export interface Attempt {
  /** Aborted with the caller's, and when nothing moves for `stallMs`. An attempt really has to stop then. */
  readonly signal: AbortSignal;
  /** Something moved: bytes came or went that did not before. */
  moved(): void;
  /** Something moves, but again only: it does not stall, and gets no further either. */
  moves(): void;
}

export interface RetryOptions {
  /** What is being done, for the log and for the sentence about a stall: `put part 3 of "KEY"`. */
  readonly what: string;
  readonly signal: AbortSignal;
  readonly persistence: Persistence;
  readonly log: Log;
}

/**
 * Runs `attempt` until it succeeds, fails for good, or nothing has moved for `noProgressMs`; the last failure is thrown
 * then. Every failed attempt that is followed by another is logged. Throws the signal's reason when that is aborted.
 */
export async function retry<T>(
  options: RetryOptions,
  attempt: (one: Attempt) => Promise<T>,
): Promise<T> {
  const pace = createPace(options);
  for (;;) {
    options.signal.throwIfAborted();
    using patience = createStallWatch(options);
    patience.start();
    const moved = (): void => {
      pace.moved();
      patience.start();
    };
    try {
      const { signal } = patience;
      const moves = (): void => patience.start();
      return await unlessAborted(attempt({ signal, moved, moves }), signal);
    } catch (error) {
      await pace.failed(error);
    }
  }
}

/**
 * A stream that is opened again when it breaks off, and then has to go on after what came already; in all else as
 * `retry`. Only the time in which the next piece is waited for counts.
 */
export async function* resumed<T>(
  options: RetryOptions,
  open: (signal: AbortSignal) => AsyncIterable<T>,
): AsyncGenerator<T> {
  const pace = createPace(options);
  for (;;) {
    using patience = createStallWatch(options);
    patience.start();
    try {
      for await (const piece of abortable(open(patience.signal), patience.signal)) {
        patience.stop();
        yield piece;
        pace.moved();
        patience.start();
      }
      return;
    } catch (error) {
      await pace.failed(error);
    }
  }
}

function createStallWatch({ what, signal, persistence: { stallMs } }: RetryOptions): Patience {
  return createPatience(stallMs, signal, () => {
    const sentence = `${what}: nothing moved for ${stallMs / 1000} s, and the attempt was given up`;
    return new StoreFailure("store-unreachable", sentence, { transient: true });
  });
}

/** How failures follow each other. */
interface Pace {
  moved(): void;
  /** Resolves when it is time for another attempt; throws the failure when it is final. */
  failed(error: unknown): Promise<void>;
}

function createPace({ what, signal, persistence, log }: RetryOptions): Pace {
  let movedAt = monotonicMs();
  let failures = 0;
  return {
    moved() {
      movedAt = monotonicMs();
      failures = 0;
    },
    async failed(error) {
      signal.throwIfAborted();
      const pauseMs = pauseAfter(++failures, error, persistence);
      const idleMs = monotonicMs() + pauseMs - movedAt;
      if (!isTransient(error) || idleMs > persistence.noProgressMs) throw error;
      const { message } = error as StoreFailure;
      const why = message.startsWith(`${what}: `) ? message.slice(what.length + 2) : message;
      log.warn(`${what}: trying again in ${Math.ceil(pauseMs)} ms: ${why}`, { failures });
      await pause(pauseMs, signal);
    },
  };
}

/** Doubled each time, between half and the whole of it by chance, and never sooner than the store asked for. */
function pauseAfter(failures: number, error: unknown, { firstPauseMs }: Persistence): number {
  const whole = Math.min(LONGEST_PAUSE_MS, firstPauseMs * 2 ** Math.min(failures - 1, 16));
  const chosen = whole * (0.5 + randomUint32() / 2 ** 33);
  const asked = error instanceof StoreFailure ? (error.retryAfterMs ?? 0) : 0;
  return Math.max(chosen, Math.min(asked, LONGEST_PAUSE_MS));
}
