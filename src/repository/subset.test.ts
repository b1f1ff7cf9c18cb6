import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { chooseSubset, parseSubset } from "./subset.ts";

test("all parts of a division together are the whole, each once", () => {
  const ids = fc.uniqueArray(fc.string(), { maxLength: 60 });
  fc.assert(
    fc.property(ids, fc.integer({ min: 1, max: 12 }), (all, of) => {
      const parts = Array.from({ length: of }, (_, i) =>
        chooseSubset(all, parseSubset(`${i + 1}/${of}`), () => undefined),
      );
      assert.deepEqual(parts.flat().toSorted(), all.toSorted());
    }),
  );
});

test("a percentage takes those that waited longest, and all have their turn", () => {
  const ids = Array.from({ length: 30 }, (_, i) => `backup ${i}`);
  const provenAt = new Map<string, number>();
  const subset = parseSubset("10%");
  for (let day = 0; day < 10; day++) {
    const chosen = chooseSubset(ids, subset, (id) => provenAt.get(id));
    assert.equal(chosen.length, 3);
    for (const id of chosen) provenAt.set(id, day);
  }
  assert.equal(provenAt.size, 30);
  assert.deepEqual(
    chooseSubset(ids, parseSubset("100%"), () => undefined),
    ids,
  );
  assert.equal(chooseSubset(ids, parseSubset("0.5%"), () => undefined).length, 1);
  assert.deepEqual(
    chooseSubset([], subset, () => undefined),
    [],
  );
});

test("what is no part is refused", () => {
  for (const text of [
    "",
    "0%",
    "101%",
    "0/3",
    "4/3",
    "1/0",
    "-1/3",
    "1/3/5",
    "x",
    "5",
    "1e1%",
    "1/100000",
  ])
    assert.throws(() => parseSubset(text), /is no part of all backups/, text);
});
