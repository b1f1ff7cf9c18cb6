import assert from "node:assert/strict";
import { test } from "node:test";
import { collect } from "../../test/support/repository.ts";
import { concurrently } from "./concurrently.ts";

/** Work that ends when it is told to, in any order. */
function desk() {
  const open = new Map<number, (result: number | Error) => void>();
  let most = 0;
  const work = (item: number) =>
    new Promise<number>((resolve, reject) => {
      open.set(item, (result) => {
        open.delete(item);
        if (result instanceof Error) reject(result);
        else resolve(result);
      });
      most = Math.max(most, open.size);
    });
  return { open, work, most: () => most };
}

test("results come in the order of the items, however the work ends", async () => {
  const { open, work, most } = desk();
  const results = collect(concurrently([1, 2, 3, 4, 5], 3, work));
  for (const item of [3, 2, 1, 5, 4]) {
    while (!open.has(item)) await new Promise((resolve) => setImmediate(resolve));
    open.get(item)!(item * 10);
  }
  assert.deepEqual(await results, [10, 20, 30, 40, 50]);
  assert.equal(most(), 3);
});

test("the first failure ends it, after what is under way, and nothing new is begun", async () => {
  const { open, work } = desk();
  const begun: number[] = [];
  const results = collect(
    concurrently([1, 2, 3, 4], 2, (item) => {
      begun.push(item);
      return work(item);
    }),
  );
  let isOver = false;
  const over = results.catch(() => {}).finally(() => (isOver = true));
  open.get(1)!(new Error("broken"));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isOver, false, "the second is still under way");
  open.get(2)!(2);
  await over;
  await assert.rejects(results, /broken/);
  assert.deepEqual(begun, [1, 2]);
});

test("who leaves early waits for what is under way, and its failures are nobody's", async () => {
  const { open, work } = desk();
  const results = concurrently([1, 2, 3], 3, work);
  const first = results.next();
  open.get(1)!(1);
  assert.deepEqual(await first, { done: false, value: 1 });
  open.get(2)!(new Error("late"));
  open.get(3)!(3);
  await results.return(undefined);
  assert.equal(open.size, 0);
});

test("no items make no results", async () => {
  assert.deepEqual(await collect(concurrently([], 4, () => Promise.resolve(1))), []);
});
