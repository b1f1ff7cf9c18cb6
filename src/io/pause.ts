import { setTimeout as sleep } from "node:timers/promises";

/** Resolves after `ms`, or throws the reason of `signal` as soon as that is aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await sleep(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}
