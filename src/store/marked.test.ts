import assert from "node:assert/strict";
import { test } from "node:test";
import { body } from "../../test/support/body.ts";
import { faultyStore } from "../../test/support/faulty-store.ts";
import { fails, keys, put, waiting } from "../../test/support/store-subject.ts";
import { marked } from "./marked.ts";

test("without its marker a store takes nothing and shows nothing", async () => {
  await using all = await faultyStore();
  const store = marked(all.store, "holdfast.json");
  await fails("store-not-there", put(store, "a", 10));
  await fails("store-not-there", keys(store));
  assert.deepEqual(await keys(all.store), []);
});

test("a marker that goes away in between is noticed by the next put", async () => {
  await using all = await faultyStore();
  const store = marked(all.store, "holdfast.json");
  await all.store.put("holdfast.json", body("m", 2), waiting);
  await put(store, "a", 10);
  assert.deepEqual(await keys(store), ["a", "holdfast.json"]);
  await all.store.delete("holdfast.json", waiting);
  await fails("store-not-there", put(store, "b", 10));
  assert.equal((await store.stat("a", waiting))?.size, 10);
});
