import assert from "node:assert/strict";
import { test } from "node:test";
import { body, digest, pattern, slowly, throwing } from "../../test/support/body.ts";
import { faultyStore, recordingLog, type FaultyStore } from "../../test/support/faulty-store.ts";
import { fails, keys, waiting } from "../../test/support/store-subject.ts";
import { StoreFailure } from "./failure.ts";
import { putToSeveral, type SeveralOptions } from "./several.ts";

const SIZE = 40 << 20;
const refused = new StoreFailure("store-refused", "no permission to write");

/** Three stores; `required` is 2. */
async function ground() {
  const all: FaultyStore[] = [await faultyStore(), await faultyStore(), await faultyStore()];
  const log = recordingLog();
  const stores = all.map(({ store }) => store);
  const put = (pieces: AsyncIterable<Uint8Array>, options: Partial<SeveralOptions> = {}) =>
    putToSeveral(stores, "a", pieces, { required: 2, log, ...waiting, ...options });
  return {
    all,
    log,
    stores,
    put,
    /** How many bytes each store holds in the end. */
    holds: async () => Promise.all(stores.map(async (one) => (await one.stat("a", waiting))?.size)),
    async [Symbol.asyncDispose]() {
      for (const one of all) await one[Symbol.asyncDispose]();
    },
  };
}

test("all stores hold what was read once", async () => {
  await using three = await ground();
  const landings = await three.put(body("a", SIZE, "reused"));
  assert.deepEqual(
    landings.map(({ store, info }) => [store.url, info?.size]),
    three.stores.map(({ url }) => [url, SIZE]),
  );
  for (const store of three.stores)
    assert.deepEqual(await digest(store.get("a", waiting)), pattern("a", SIZE));
  assert.deepEqual(three.log.lines, []);
});

for (const after of [0, 10 << 20, SIZE]) {
  test(`a store that fails after ${after} bytes is named, and the others go on`, async () => {
    await using three = await ground();
    three.all[1]!.inject({ on: "put", after, error: refused });
    const landings = await three.put(body("a", SIZE));
    assert.deepEqual(
      landings.map(({ failure }) => failure),
      [undefined, refused, undefined],
    );
    assert.deepEqual(await three.holds(), [SIZE, undefined, SIZE]);
    assert.equal(three.log.lines.length, 1);
    assert.ok(
      three.log.lines[0]!.startsWith(`warn ${three.stores[1]!.url} is left behind: no per`),
    );
  });
}

test("a store that takes nothing any more is left behind", async () => {
  await using three = await ground();
  three.all[0]!.inject({ on: "put", after: 1 << 20 });
  const landings = await three.put(body("a", SIZE), { slowMs: 20 });
  assert.equal((landings[0]!.failure as StoreFailure).code, "store-unreachable");
  assert.deepEqual(await three.holds(), [undefined, SIZE, SIZE]);
  assert.match(three.log.lines.join("\n"), /^warn .* is left behind: it took nothing for 0.02 s/);
});

test("when too few remain all is stopped at once, and every failure is named", async () => {
  await using three = await ground();
  for (const n of [0, 2]) three.all[n]!.inject({ on: "put", after: 1 << 20, error: refused });
  let read = 0;
  async function* counted() {
    for await (const bytes of body("a", SIZE)) {
      read += bytes.length;
      yield bytes;
    }
  }
  await assert.rejects(three.put(counted()), (error: Error) => {
    assert.match(error.message, /^1 of 3 stores are left, 2 required: /);
    for (const n of [0, 2]) assert.ok(error.message.includes(`${three.stores[n]!.url}: no perm`));
    return true;
  });
  assert.ok(read < SIZE, `${read}`);
  assert.deepEqual(await three.holds(), [undefined, undefined, undefined]);
});

test("a slow store is waited for where it is needed", async () => {
  await using three = await ground();
  three.all[0]!.inject({ on: "put", after: 1 << 20 });
  three.all[1]!.inject({ on: "put", after: 0, error: refused });
  const stop = new AbortController();
  const given = three.put(body("a", SIZE), { slowMs: 500, signal: stop.signal });
  given.catch(() => {});
  const late = new Promise((resolve) => setTimeout(() => resolve("still waiting"), 1500));
  assert.equal(await Promise.race([late, given]), "still waiting");
  stop.abort(new Error("enough"));
  await assert.rejects(given, /enough/);
  assert.deepEqual(await three.holds(), [undefined, undefined, undefined]);
});

test("of one store alone its own failure comes out", async () => {
  await using three = await ground();
  three.all[0]!.inject({ on: "put", after: 10, error: refused });
  const options = { required: 1, log: three.log, ...waiting };
  const given = putToSeveral([three.stores[0]!], "a", body("a", 1000), options);
  await assert.rejects(given, (error) => error === refused);
  await fails("too-few-stores", putToSeveral([], "a", body("a", 1), options));
});

test("a body that throws is thrown on, and nothing is left anywhere", async () => {
  await using three = await ground();
  const cause = new Error("the snapshot is damaged");
  await assert.rejects(three.put(throwing("a", 20 << 20, cause)), (error) => error === cause);
  for (const store of three.stores) assert.deepEqual(await keys(store), []);
});

test("an abort stops all of them, also while the body hangs", async () => {
  await using three = await ground();
  const stop = new AbortController();
  const slow = slowly("a", 1 << 20);
  const given = three.put(slow.body, { signal: stop.signal });
  given.catch(() => {});
  await slow.waits;
  stop.abort(new Error("enough"));
  await assert.rejects(given, /enough/);
  assert.deepEqual(await three.holds(), [undefined, undefined, undefined]);
});

test("a name that is taken somewhere is that store's failure", async () => {
  await using three = await ground();
  await three.stores[2]!.put("a", body("other", 5), waiting);
  const landings = await three.put(body("a", 1000), { ifAbsent: true });
  assert.equal((landings[2]!.failure as StoreFailure).code, "object-exists");
  assert.deepEqual(await three.holds(), [1000, 1000, 5]);
});
