import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { faultyStore } from "../../test/support/faulty-store.ts";
import { keys, waiting } from "../../test/support/store-subject.ts";
import { checkStore, type Check, type CheckOptions } from "./check.ts";
import { StoreFailure } from "./failure.ts";
import type { Store } from "./store.ts";

const options: CheckOptions = { bytes: 1_000_000, ...waiting };

/** The steps that did not simply succeed. */
function notes({ steps }: Check): string[] {
  return steps
    .filter(({ outcome }) => outcome !== "ok")
    .map(({ name, outcome, message }) => `${name} ${outcome}: ${message}`);
}

async function nothingIsLeft(store: Store): Promise<void> {
  assert.deepEqual(await keys(store), []);
}

test("a good store passes, is measured, and is left as it was", async () => {
  await using all = await faultyStore();
  const told: string[] = [];
  const found = await checkStore(all.store, { ...options, onStep: ({ name }) => told.push(name) });
  assert.deepEqual(notes(found), []);
  assert.equal(found.ok, true);
  assert.deepEqual(
    told,
    found.steps.map(({ name }) => name),
  );
  assert.deepEqual(found.capabilities, {
    conditionalPut: true,
    objectLock: false,
    versioning: false,
  });
  assert.ok(found.uploadBytesPerSecond! > 0 && found.downloadBytesPerSecond! > 0);
  assert.ok(found.latencyMs! >= 0);
  assert.equal(Math.abs(found.clockAheadSeconds!) < 60, true);
  await nothingIsLeft(all.store);
});

test("what is refused is told in the store's words, and what needs it is skipped", async () => {
  await using all = await faultyStore();
  const error = new StoreFailure("store-refused", "s3:PutObject is not granted", {
    hint: "grant it",
  });
  all.inject({ on: "put", times: Infinity, error });
  const found = await checkStore(all.store, options);
  assert.equal(found.ok, false);
  const write = found.steps.find(({ outcome }) => outcome === "failed");
  assert.deepEqual(write, {
    name: "write",
    outcome: "failed",
    message: "s3:PutObject is not granted",
    code: "store-refused",
    hint: "grant it",
  });
  const skipped = found.steps.filter(({ outcome }) => outcome === "skipped");
  assert.equal(skipped.length, found.steps.length - 2);
  assert.match(skipped[0]!.message, /because of "write"/);
});

test("a store that may not list is told so, and all else is tried", async () => {
  await using all = await faultyStore();
  all.inject({ on: "list", times: Infinity, error: new StoreFailure("store-refused", "no list") });
  assert.deepEqual(notes(await checkStore(all.store, options)), [
    "list failed: no list",
    'find skipped: not tried, because of "list"',
  ]);
  await checkStore(all.store, options);
});

test("what cannot be deleted is a failure, and tried once more in the end", async () => {
  await using all = await faultyStore();
  all.inject({ on: "delete", error: new StoreFailure("store-refused", "no delete") });
  assert.deepEqual(notes(await checkStore(all.store, options)), ["delete failed: no delete"]);
  await nothingIsLeft(all.store);
});

test("a lock is a warning: it is meant", async () => {
  await using all = await faultyStore();
  all.inject({ on: "delete", error: new StoreFailure("object-locked", "until 2027") });
  const found = await checkStore(all.store, options);
  assert.match(notes(found).join(), /^delete warning: objects are locked.*until 2027$/);
  assert.equal(found.ok, true);
});

test("a store that replaces objects is a warning", async () => {
  await using all = await faultyStore();
  let n = 0;
  const replacing: Store = {
    ...all.store,
    async put(key, body, how) {
      if (n++ === 1) return { key, size: 1, modifiedMs: undefined };
      return all.store.put(key, body, how);
    },
  };
  assert.match(notes(await checkStore(replacing, options)).join(), /^overwrite warning: a second/);
});

test("lies are found: sizes, bytes, ranges, clocks", async () => {
  await using all = await faultyStore();
  const { store } = all;
  async function* flipped(pieces: AsyncIterable<Uint8Array>) {
    for await (const bytes of pieces) {
      const copy = bytes.slice();
      copy[copy.length >> 1]! ^= 1;
      yield copy;
    }
  }
  const LIES: readonly (readonly [Partial<Store>, RegExp])[] = [
    [{ get: (key, how) => flipped(store.get(key, how)) }, /^read failed: other bytes/],
    [
      { get: (key, { signal }) => store.get(key, { signal }) },
      /^range failed: the bytes from 0 on are not those/,
    ],
    [
      { stat: async () => undefined },
      /^stat failed: the object that was just written is not there/,
    ],
    [
      { stat: async (key, how) => ({ ...(await store.stat(key, how))!, size: 7 }) },
      /^stat failed: its size is said to be 7/,
    ],
    [
      { stat: async (key, how) => later(await store.stat(key, how)) },
      /^stat warning: the store's clock is (3600|3599) s ahead/,
    ],
    [{ delete: async () => {} }, /^delete failed: ".*large" is still there/],
    [{ list: async function* () {} }, /^find failed: the list shows nothing/],
  ];
  for (const [lie, expected] of LIES)
    assert.match(notes(await checkStore({ ...store, ...lie }, options)).join("; "), expected);
});

function later<T extends { modifiedMs: number | undefined }>(info: T | undefined): T | undefined {
  return info && { ...info, modifiedMs: info.modifiedMs! + 3_600_000 };
}

test("an interruption leaves nothing behind", async () => {
  await using all = await faultyStore();
  const stop = new AbortController();
  const onStep = ({ name }: { name: string }): void => {
    if (name === "upload") stop.abort(new Error("enough"));
  };
  const checked = checkStore(all.store, { ...options, signal: stop.signal, onStep });
  await assert.rejects(checked, /enough/);
  await nothingIsLeft(all.store);
});

test("an interruption ends soon, however silent the store has become", async (context) => {
  await using all = await faultyStore();
  all.inject({ on: "delete", times: Infinity });
  const stop = new AbortController();
  const onStep = ({ name }: { name: string }): void => {
    if (name !== "upload") return;
    context.mock.timers.enable({ apis: ["setTimeout"] });
    stop.abort(new Error("enough"));
  };
  const checked = checkStore(all.store, { ...options, signal: stop.signal, onStep });
  const ended = assert.rejects(checked, /enough/);
  while (!all.calls.some((one) => one.startsWith("delete"))) await turn();
  context.mock.timers.tick(3000);
  await ended;
});
