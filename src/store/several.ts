/** One body into several stores, read once. */
import { HoldfastError } from "../errors.ts";
import { abortable } from "../io/abortable.ts";
import type { Log } from "../io/log.ts";
import { createPatience, unlessAborted } from "../io/patience.ts";
import { StoreFailure } from "./failure.ts";
import type { ObjectInfo, PutOptions, Store } from "./store.ts";
import { createTee, type Branch, type Tee } from "./tee.ts";

/** Bytes that the fastest store may be ahead of the slowest. */
const BUFFER_BYTES = 16 << 20;
const SLOW_MS = 60_000;

export interface SeveralOptions extends PutOptions {
  /** So many stores have to hold the object in the end. */
  readonly required: number;
  readonly log: Log;
  /**
   * A store that takes nothing for so long while the others wait for it is left behind, if enough others remain. One
   * that is slow and moves is waited for. A minute when left out.
   */
  readonly slowMs?: number;
}

/** How it went with one store. */
export interface Landing {
  readonly store: Store;
  /** Undefined when the store does not hold the object. */
  readonly info: ObjectInfo | undefined;
  /** Why it does not. */
  readonly failure: unknown;
}

/** A put under way. */
interface Runner {
  readonly store: Store;
  readonly branch: Branch;
  /** Never rejects. */
  readonly landing: Promise<Landing>;
  /** Set as soon as the put has failed. */
  failure: unknown;
  leaveBehind(failure: unknown): void;
}

/**
 * Stores what `body` yields in all of `stores`, reading it once. A store that fails is left behind and named in the log;
 * when fewer than `required` remain, all is stopped: "too-few-stores", or the failure itself where there is one store
 * only. When they fail at the very end, the others keep what they hold. A body that throws is thrown on, and no store
 * holds anything then. Gives one landing for each store, in order.
 */
export async function putToSeveral(
  stores: readonly Store[],
  key: string,
  body: AsyncIterable<Uint8Array>,
  options: SeveralOptions,
): Promise<readonly Landing[]> {
  const [first] = stores;
  if (first !== undefined && stores.length === 1 && options.required <= 1)
    return [await putToOne(first, key, body, options)];
  const tee = createTee(stores.length);
  const runners = stores.map((store, n) => startPut(store, key, tee.branches[n]!, options));
  try {
    await pump(body, tee, runners, options);
  } catch (error) {
    for (const runner of runners) runner.leaveBehind(error);
    await Promise.all(runners.map(({ landing }) => landing));
    throw error;
  }
  const landings = await Promise.all(runners.map(({ landing }) => landing));
  options.signal.throwIfAborted();
  requireEnough(runners, options.required);
  return landings;
}

/** Nobody waits for anybody: nothing has to be kept. */
async function putToOne(
  store: Store,
  key: string,
  body: AsyncIterable<Uint8Array>,
  options: SeveralOptions,
): Promise<Landing> {
  const info = await store.put(key, abortable(body, options.signal), options);
  return { store, info, failure: undefined };
}

function startPut(
  store: Store,
  key: string,
  branch: Branch,
  { log, signal, ...options }: SeveralOptions,
): Runner {
  const stop = new AbortController();
  const stopped = AbortSignal.any([signal, stop.signal]);
  const put = store.put(key, branch.pieces, { ...options, signal: stopped });
  const landing = put.then(
    (info): Landing => ({ store, info, failure: undefined }),
    (failure: unknown): Landing => {
      runner.failure ??= failure;
      if (!branch.isDropped) log.warn(`${store.url} is left behind: ${sentence(failure)}`);
      branch.drop(failure);
      return { store, info: undefined, failure: runner.failure };
    },
  );
  const runner: Runner = {
    store,
    branch,
    landing,
    failure: undefined,
    leaveBehind(failure) {
      runner.failure ??= failure;
      branch.drop(failure);
      stop.abort(failure);
    },
  };
  return runner;
}

async function pump(
  body: AsyncIterable<Uint8Array>,
  tee: Tee,
  runners: readonly Runner[],
  options: SeveralOptions,
): Promise<void> {
  for await (const bytes of abortable(body, options.signal)) {
    // whoever gives it may use the memory again
    const kept = bytes.slice();
    await waitForRoom(tee, runners, options);
    tee.give(kept);
  }
  tee.end();
}

async function waitForRoom(
  tee: Tee,
  runners: readonly Runner[],
  options: SeveralOptions,
): Promise<void> {
  for (;;) {
    requireEnough(runners, options.required);
    const full = runners.filter(({ branch }) => branch.waiting >= BUFFER_BYTES);
    if (full.length === 0) return;
    if (await changesInTime(tee, options)) continue;
    const spare = runners.filter(isRunning).length - options.required;
    for (const runner of full.slice(0, spare)) leaveBehindSlow(runner, options);
  }
}

const isRunning = ({ failure }: Runner): boolean => failure === undefined;

/** False when no store has taken anything for as long as that may take. */
async function changesInTime(tee: Tee, { signal, slowMs = SLOW_MS }: SeveralOptions) {
  using patience = createPatience(slowMs, signal, () => new Error("slow"));
  patience.start();
  try {
    await unlessAborted(tee.changed(), patience.signal);
    return true;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}

function leaveBehindSlow(runner: Runner, { log, slowMs = SLOW_MS }: SeveralOptions): void {
  const how = `took nothing for ${slowMs / 1000} s while others waited`;
  log.warn(`${runner.store.url} is left behind: it ${how}`);
  runner.leaveBehind(new StoreFailure("store-unreachable", `${runner.store.url} ${how}`));
}

function requireEnough(runners: readonly Runner[], required: number): void {
  const failed = runners.filter((runner) => !isRunning(runner));
  const held = runners.length - failed.length;
  if (held >= required) return;
  const [first] = failed;
  if (runners.length === 1 && first !== undefined) throw first.failure;
  const reasons = failed.map(({ store, failure }) => `${store.url}: ${sentence(failure)}`);
  throw new HoldfastError(
    "too-few-stores",
    `${held} of ${runners.length} stores are left, ${required} required: ${reasons.join("; ")}`,
    {
      hint: "see to these stores (holdfast store check URL), or ask for fewer with --required",
      cause: first?.failure,
    },
  );
}

function sentence(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}
