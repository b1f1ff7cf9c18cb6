import assert from "node:assert/strict";
import { test } from "node:test";
import { body, digest, pattern } from "../../test/support/body.ts";
import { faultyStore } from "../../test/support/faulty-store.ts";
import { waiting } from "../../test/support/store-subject.ts";
import { createRate, limited } from "./limited.ts";

test("bodies pass no faster than the rate, both ways, shared or not", async () => {
  await using all = await faultyStore();
  const rate = createRate(4_000_000);
  const store = limited(all.store, { upload: rate, download: rate });
  const start = performance.now();
  await Promise.all(["a", "b"].map((key) => store.put(key, body(key, 1_000_000), waiting)));
  assert.deepEqual(await digest(store.get("a", waiting)), pattern("a", 1_000_000));
  // 3 MB at 4 MB/s, but for a burst: less would be faster than allowed
  const ms = performance.now() - start;
  assert.ok(ms > 500, `${ms}`);
});

test("without limits nothing is in the way", async () => {
  await using all = await faultyStore();
  const store = limited(all.store, {});
  await store.put("a", body("a", 5_000_000), waiting);
  assert.deepEqual(await digest(store.get("a", waiting)), pattern("a", 5_000_000));
});

test("an abort ends the waiting", async () => {
  await using all = await faultyStore();
  const store = limited(all.store, { upload: createRate(1) });
  const stop = new AbortController();
  const given = store.put("a", body("a", 1000), { signal: stop.signal });
  stop.abort(new Error("enough"));
  await assert.rejects(given, /enough/);
  assert.equal(await store.stat("a", waiting), undefined);
});
