/**
 * Several pieces of work on one store, of which only one moves at a time: each stops before every call to the store,
 * and a schedule says who goes on. So that what could happen by chance happens on purpose.
 */
import type { ObjectInfo, Store } from "../../src/store/store.ts";
import { collect } from "./repository.ts";

/** Which of those that wait goes on, as an index into `waiting`, which has the numbers of the pieces of work. */
export type Schedule = (waiting: readonly number[]) => number;

interface Turn {
  readonly who: number;
  readonly go: () => void;
}

/**
 * Runs the works to their ends and gives what became of each. `between` runs after every call that may have changed the
 * store, while nobody moves.
 */
export async function interleave<T>(
  store: Store,
  works: readonly ((store: Store) => Promise<T>)[],
  schedule: Schedule,
  between: () => Promise<void> = async () => {},
): Promise<PromiseSettledResult<T>[]> {
  const turns: Turn[] = [];
  let moving = works.length;
  let isChanged = false;
  let wake = (): void => {};
  const rest = (): void => {
    moving--;
    wake();
  };
  const turnOf = (who: number): Promise<void> => {
    const granted = new Promise<void>((go) => turns.push({ who, go }));
    rest();
    return granted;
  };
  const results = works.map((work, who) =>
    work(
      stepping(
        store,
        () => turnOf(who),
        () => (isChanged = true),
      ),
    ).finally(rest),
  );
  const settled = Promise.allSettled(results);
  for (;;) {
    while (moving > 0) await new Promise<void>((resolve) => (wake = resolve));
    if (isChanged) await between();
    isChanged = false;
    if (turns.length === 0) return settled;
    const [turn] = turns.splice(schedule(turns.map(({ who }) => who)), 1);
    moving++;
    turn!.go();
  }
}

/** The first goes on until it has made `calls` calls, then the second to its end, then the first again. */
export function switchAfter(calls: number): Schedule {
  let made = 0;
  return (waiting) => {
    const wanted = made++ < calls ? 0 : 1;
    const at = waiting.indexOf(wanted);
    return at === -1 ? 0 : at;
  };
}

/**
 * A store whose every call waits for its turn. Calls that one piece of work makes at the same time follow each other: so
 * it rests exactly while one of them waits, and nobody moves beside the one who goes on.
 */
function stepping(store: Store, turn: () => Promise<void>, changed: () => void): Store {
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(call: () => Promise<T>): Promise<T> => {
    const done = last.then(turn).then(call);
    last = done.catch(() => {});
    return done;
  };
  async function* list(...call: Parameters<Store["list"]>): AsyncIterable<ObjectInfo> {
    yield* await inTurn(() => collect(store.list(...call)));
  }
  async function* get(...call: Parameters<Store["get"]>): AsyncIterable<Uint8Array> {
    yield* await inTurn(() => collect(store.get(...call)));
  }
  const changing = <T>(call: () => Promise<T>): Promise<T> =>
    inTurn(() => {
      changed();
      return call();
    });
  return {
    ...store,
    list,
    get,
    put: (...call) => changing(() => store.put(...call)),
    delete: (...call) => changing(() => store.delete(...call)),
    sweep: (...call) => changing(() => store.sweep(...call)),
    stat: (...call) => inTurn(() => store.stat(...call)),
    capabilities: (...call) => inTurn(() => store.capabilities(...call)),
  };
}
