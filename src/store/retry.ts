/** Trying again: with growing pauses, for as long as something moves now and then. */
import { monotonicMs } from "../io/clock.ts";
import type { Log } from "../io/log.ts";
import { createPatience, unlessAborted } from "../io/patience.ts";
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
  /** Something moved: bytes came or went. */
  moved(): void;
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
  const { what, signal, persistence, log } = options;
  let movedAt = monotonicMs();
  const moved = (): void => void (movedAt = monotonicMs());
  for (let failures = 1; ; failures++) {
    const before = movedAt;
    try {
      return await watched(options, attempt, moved);
    } catch (error) {
      signal.throwIfAborted();
      if (movedAt > before) failures = 1;
      const pauseMs = pauseAfter(failures, error, persistence);
      const idleMs = monotonicMs() + pauseMs - movedAt;
      if (!isTransient(error) || idleMs > persistence.noProgressMs) throw error;
      log.warn(`${what} failed, trying again: ${(error as Error).message}`, {
        failures,
        pauseMs: Math.round(pauseMs),
      });
      await pause(pauseMs, signal);
    }
  }
}

async function watched<T>(
  { what, signal, persistence }: RetryOptions,
  attempt: (one: Attempt) => Promise<T>,
  moved: () => void,
): Promise<T> {
  const { stallMs } = persistence;
  using patience = createPatience(stallMs, signal, () => stalled(what, stallMs));
  patience.start();
  const work = attempt({
    signal: patience.signal,
    moved() {
      moved();
      patience.start();
    },
  });
  return await unlessAborted(work, patience.signal);
}

function stalled(what: string, stallMs: number): StoreFailure {
  return new StoreFailure(
    "store-unreachable",
    `${what}: nothing moved for ${stallMs / 1000} s, and the attempt was given up`,
    { transient: true },
  );
}

/** Doubled each time, between half and the whole of it by chance, and never sooner than the store asked for. */
function pauseAfter(failures: number, error: unknown, { firstPauseMs }: Persistence): number {
  const whole = Math.min(LONGEST_PAUSE_MS, firstPauseMs * 2 ** Math.min(failures - 1, 16));
  const chosen = whole * (0.5 + randomUint32() / 2 ** 33);
  const asked = error instanceof StoreFailure ? (error.retryAfterMs ?? 0) : 0;
  return Math.max(chosen, Math.min(asked, LONGEST_PAUSE_MS));
}
