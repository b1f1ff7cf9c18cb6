/** A store whose user is killed at a certain call: nothing that comes after it happens, tidying up included. */
import type { Store } from "../../src/store/store.ts";

/** Thrown by the last call and all that come after it. */
export class Killed extends Error {}

export interface DyingStore {
  readonly store: Store;
  /** Whether it came that far. */
  readonly isDead: boolean;
}

/**
 * @param lastCall the number of the call, from 1, at which it ends
 * @param isDone whether that call still reaches the store, and only its answer does not come back
 */
export function dyingStore(store: Store, lastCall: number, isDone: boolean): DyingStore {
  let calls = 0;
  const step = (): boolean => {
    if (++calls > lastCall || (calls === lastCall && !isDone)) throw new Killed();
    return calls === lastCall;
  };
  const call =
    <A extends readonly unknown[], R>(work: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const isLast = step();
      const result = await work(...args);
      if (isLast) throw new Killed();
      return result;
    };
  const stream = <A extends readonly unknown[], R>(work: (...args: A) => AsyncIterable<R>) =>
    async function* (...args: A): AsyncGenerator<R> {
      const isLast = step();
      if (isLast) throw new Killed();
      yield* work(...args);
    };
  return {
    get isDead() {
      return calls >= lastCall;
    },
    store: {
      ...store,
      capabilities: call(store.capabilities),
      put: call(store.put),
      stat: call(store.stat),
      delete: call(store.delete),
      sweep: call(store.sweep),
      get: stream(store.get),
      list: stream(store.list),
    },
  };
}
