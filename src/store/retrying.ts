/** A store whose calls are repeated when they fail in passing. Puts are not: drivers repeat their parts. */
import type { Log } from "../io/log.ts";
import { StoreFailure } from "./failure.ts";
import { resumed, retry, type Persistence, type RetryOptions } from "./retry.ts";
import type { GetOptions, ObjectInfo, Store, Waiting } from "./store.ts";

/** The same store, with patience. What is tried again is logged. */
export function retrying(store: Store, persistence: Persistence, log: Log): Store {
  const how = (what: string, signal: AbortSignal): RetryOptions => {
    return { what: `${what} in ${store.url}`, signal, persistence, log };
  };
  return {
    url: store.url,
    capabilities: ({ signal }) =>
      retry(how("ask for capabilities", signal), (attempt) => store.capabilities(attempt)),
    put: (key, body, options) => store.put(key, body, options),
    get: (key, options) => resumedGet(store, key, options, how(`read "${key}"`, options.signal)),
    stat: (key, { signal }) =>
      retry(how(`look at "${key}"`, signal), (attempt) => store.stat(key, attempt)),
    list: (prefix, options) => resumedList(store, prefix, how(`list "${prefix}"`, options.signal)),
    delete: (key, { signal }) =>
      retry(how(`delete "${key}"`, signal), (attempt) => store.delete(key, attempt)),
    sweep: (graceMs, { signal }) =>
      retry(how("sweep", signal), (attempt) => store.sweep(graceMs, attempt)),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

async function* resumedGet(
  store: Store,
  key: string,
  { offset = 0, length = Infinity }: GetOptions,
  how: RetryOptions,
): AsyncIterable<Uint8Array> {
  let at = offset;
  const end = offset + length;
  const rest = (signal: AbortSignal): AsyncIterable<Uint8Array> => {
    return store.get(key, { offset: at, ...(end !== Infinity && { length: end - at }), signal });
  };
  for await (const bytes of resumed(how, rest)) {
    at += bytes.length;
    yield bytes;
    if (at === end) return;
  }
}

/** Begins anew after a failure, and leaves out what was listed before it. */
async function* resumedList(
  store: Store,
  prefix: string,
  how: RetryOptions,
): AsyncIterable<ObjectInfo> {
  let last = "";
  async function* rest(waiting: Waiting): AsyncIterable<ObjectInfo> {
    let before = "";
    for await (const info of store.list(prefix, waiting)) {
      if (info.key <= before) throw disordered(info.key, before);
      before = info.key;
      if (info.key > last) yield info;
    }
  }
  for await (const info of resumed(how, (signal) => rest({ signal }))) {
    last = info.key;
    yield info;
  }
}

function disordered(key: string, before: string): StoreFailure {
  return new StoreFailure(
    "store-wrong-answer",
    `cannot list: "${key}" came after "${before}", wanted the bytewise order of keys`,
  );
}
