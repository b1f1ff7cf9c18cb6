import assert from "node:assert/strict";
import { test } from "node:test";
import { abortable } from "./abortable.ts";

const never = new AbortController().signal;

async function all<T>(pieces: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const piece of pieces) found.push(piece);
  return found;
}

/** Counts to `to`, then hangs or fails; notes when it is let go. */
function source(to: number, then: "end" | "hang" | "fail") {
  const state = { released: false };
  async function* pieces(): AsyncGenerator<number> {
    try {
      for (let n = 1; n <= to; n++) yield n;
      if (then === "fail") throw new Error("broken");
      if (then === "hang") await new Promise(() => {});
    } finally {
      state.released = true;
    }
  }
  return { pieces: pieces(), state };
}

test("pieces, end and failure pass", async () => {
  assert.deepEqual(await all(abortable(source(3, "end").pieces, never)), [1, 2, 3]);
  await assert.rejects(all(abortable(source(3, "fail").pieces, never)), /broken/);
});

test("an abort is thrown at once, although the next piece never comes", async () => {
  const stop = new AbortController();
  const { pieces } = source(1, "hang");
  const iterator = abortable(pieces, stop.signal);
  assert.equal((await iterator.next()).value, 1);
  const second = iterator.next();
  stop.abort(new Error("enough"));
  await assert.rejects(second, /enough/);
});

test("an abort between two pieces releases the source and does not ask it again", async () => {
  const stop = new AbortController();
  const { pieces, state } = source(1, "fail");
  const iterator = abortable(pieces, stop.signal);
  await iterator.next();
  stop.abort(new Error("enough"));
  await assert.rejects(iterator.next(), /enough/);
  assert.equal(state.released, true);
});

test("leaving the loop releases the source", async () => {
  const { pieces, state } = source(3, "end");
  for await (const _piece of abortable(pieces, never)) break;
  assert.equal(state.released, true);
});

test("what is aborted before is not asked at all", async () => {
  let asked = false;
  const pieces = {
    [Symbol.asyncIterator]() {
      asked = true;
      return source(1, "end").pieces;
    },
  };
  await assert.rejects(all(abortable(pieces, AbortSignal.abort(new Error("before")))), /before/);
  assert.equal(asked, false);
});
