/** A store whose calls can be followed with `--debug`. */
import { monotonicMs } from "../io/clock.ts";
import type { Log } from "../io/log.ts";
import type { Store } from "./store.ts";

/** The same store; one debug line for each call that ended, with bytes, milliseconds and failure. */
export function logged(store: Store, log: Log): Store {
  const tell = (what: string, start: number, bytes: number | undefined, failure?: unknown): void =>
    log.debug(what, {
      store: store.url,
      ms: Math.round(monotonicMs() - start),
      bytes,
      failure: failure === undefined ? undefined : String((failure as Error)?.message ?? failure),
    });
  const call = async <T>(what: string, work: () => Promise<T>, size?: (result: T) => number) => {
    const start = monotonicMs();
    try {
      const result = await work();
      tell(what, start, size?.(result));
      return result;
    } catch (error) {
      tell(what, start, undefined, error);
      throw error;
    }
  };
  async function* stream<T>(what: string, pieces: AsyncIterable<T>, size?: (piece: T) => number) {
    const start = monotonicMs();
    let bytes = 0;
    let failure: unknown;
    try {
      for await (const piece of pieces) {
        bytes += size?.(piece) ?? 0;
        yield piece;
      }
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      tell(what, start, size && bytes, failure);
    }
  }
  return {
    url: store.url,
    capabilities: (options) => call("ask for capabilities", () => store.capabilities(options)),
    put: (key, body, options) =>
      call(
        `put "${key}"`,
        () => store.put(key, body, options),
        ({ size }) => size,
      ),
    get: (key, options) => stream(`get "${key}"`, store.get(key, options), ({ length }) => length),
    stat: (key, options) => call(`stat "${key}"`, () => store.stat(key, options)),
    list: (prefix, options) => stream(`list "${prefix}"`, store.list(prefix, options)),
    delete: (key, options) => call(`delete "${key}"`, () => store.delete(key, options)),
    sweep: (graceMs, options) => call("sweep", () => store.sweep(graceMs, options)),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}
