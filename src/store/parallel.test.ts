import assert from "node:assert/strict";
import { test } from "node:test";
import { faultyStore } from "../../test/support/faulty-store.ts";
import { StoreFailure } from "./failure.ts";
import { parallelReads, readParallel } from "./parallel.ts";

const { signal } = new AbortController();
const BODY = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);

async function filled() {
  const faulty = await faultyStore();
  async function* body() {
    yield BODY;
  }
  await faulty.store.put("a/b", body(), { signal });
  return faulty;
}

async function bytesOf(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece.slice());
  return Uint8Array.from(Buffer.concat(all));
}

test("the bytes are those of one get, whole or in part", async () => {
  await using faulty = await filled();
  for (const [offset, length] of [
    [0, undefined],
    [0, 1000],
    [137, 555],
    [990, 100],
    [1000, 5],
    [5000, undefined],
  ] as const) {
    const part = { offset, ...(length !== undefined && { length }), signal };
    const wanted = BODY.slice(offset, length === undefined ? undefined : offset + length);
    assert.deepEqual(await bytesOf(readParallel(faulty.store, "a/b", part, 64)), wanted);
  }
});

test("a failure of any range is that of the whole", async () => {
  await using faulty = await filled();
  faulty.inject({ on: "get", after: 10, error: new StoreFailure("store-unreachable", "gone") });
  const read = readParallel(faulty.store, "a/b", { signal }, 64);
  await assert.rejects(bytesOf(read), { code: "store-unreachable" });
});

test("who leaves stops the ranges under way", async () => {
  await using faulty = await filled();
  const read = readParallel(faulty.store, "a/b", { signal }, 64);
  await read.next();
  await read.return(undefined);
  const begun = faulty.calls.length;
  await new Promise(setImmediate);
  assert.equal(faulty.calls.length, begun);
});

test("an object that is not there, and a store that is near, are read as before", async () => {
  await using faulty = await filled();
  await assert.rejects(bytesOf(readParallel(faulty.store, "a/c", { signal }, 64)), {
    code: "object-missing",
  });
  assert.equal(parallelReads(faulty.store), faulty.store);
});
