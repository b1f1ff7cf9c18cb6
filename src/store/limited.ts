/** A store that is not used faster than it may be. */
import { monotonicMs } from "../io/clock.ts";
import { pause } from "../io/pause.ts";
import type { Store } from "./store.ts";

/** A rate that several streams, and several stores, keep together. */
export interface Rate {
  /** Resolves when so many bytes more may pass; throws the signal's reason. */
  pass(bytes: number, signal: AbortSignal): Promise<void>;
}

export interface Limits {
  readonly upload?: Rate;
  readonly download?: Rate;
}

/** What was not used lately may be used at once, but no more than this. */
const BURST_MS = 200;
/** Shorter pauses are added up. */
const SHORTEST_PAUSE_MS = 20;

/** @param bytesPerSecond more than none */
export function createRate(bytesPerSecond: number): Rate {
  let readyAt = -Infinity;
  return {
    async pass(bytes, signal) {
      const time = monotonicMs();
      readyAt = Math.max(readyAt, time - BURST_MS) + (bytes * 1000) / bytesPerSecond;
      if (readyAt - time >= SHORTEST_PAUSE_MS) await pause(readyAt - time, signal);
    },
  };
}

/**
 * The same store: bodies of puts and gets pass at these rates. The average is kept, over a few parts of an upload:
 * drivers send a part as fast as it goes once it is complete.
 */
export function limited(store: Store, { upload, download }: Limits): Store {
  return {
    ...store,
    put: (key, body, options) => store.put(key, paced(body, upload, options.signal), options),
    get: (key, options) => paced(store.get(key, options), download, options.signal),
  };
}

function paced(
  pieces: AsyncIterable<Uint8Array>,
  rate: Rate | undefined,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  return rate === undefined ? pieces : pace(pieces, rate, signal);
}

async function* pace(
  pieces: AsyncIterable<Uint8Array>,
  rate: Rate,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  for await (const bytes of pieces) {
    await rate.pass(bytes.length, signal);
    yield bytes;
  }
}
