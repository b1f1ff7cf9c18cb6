/** How what failed or was interrupted ends: tidied up as far as the store still answers. */
import { createPatience, type Patience } from "../io/patience.ts";

/**
 * In which a store has to answer. Somebody may have pressed Ctrl-C because it is silent, and waits; what stays behind then
 * is out of sight, and swept later.
 */
const LAST_WAIT_MS = 3000;

/** For the requests that tidy up: its signal ends them. `start` it anew when one of several is done. */
export function createLastWait(): Patience {
  const patience = createPatience(LAST_WAIT_MS, undefined, () => new Error("no answer in time"));
  patience.start();
  return patience;
}

/**
 * For what is better brought to its end than stopped: its signal follows `signal` only when the store does not answer in
 * that time either.
 */
export function createGrace(signal: AbortSignal): Pick<Patience, "signal"> & Disposable {
  const patience = createPatience(LAST_WAIT_MS, undefined, () => signal.reason as Error);
  const start = (): void => patience.start();
  if (signal.aborted) start();
  else signal.addEventListener("abort", start, { once: true });
  return {
    signal: patience.signal,
    [Symbol.dispose]() {
      signal.removeEventListener("abort", start);
      patience[Symbol.dispose]();
    },
  };
}
