import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { allPairs, pairsOf, product } from "./pairs.ts";
import type { Axes, Exclusion, Row } from "./pairs.ts";

const anyAxes = fc
  .array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 })
  .map((sizes) =>
    Object.fromEntries(
      sizes.map((size, i) => [`a${i}`, Array.from({ length: size }, (_, v) => v)]),
    ),
  );

/** Values of two or three axes that are out together. */
function anyExclusions(axes: Axes): fc.Arbitrary<Exclusion<Row<Axes>>[]> {
  const value = fc
    .constantFrom(...Object.keys(axes))
    .chain((axis) => fc.constantFrom(...axes[axis]!).map((one): [string, unknown] => [axis, one]));
  const exclusion = fc
    .uniqueArray(value, { minLength: 2, maxLength: 3, selector: ([axis]) => axis })
    .map((values) => ({
      reason: JSON.stringify(values),
      excludes: (row: Partial<Record<string, unknown>>) =>
        values.every(([axis, one]) => row[axis] === one),
    }));
  return Object.keys(axes).length < 2 ? fc.constant([]) : fc.array(exclusion, { maxLength: 4 });
}

const anySpace = anyAxes.chain((axes) => fc.tuple(fc.constant(axes), anyExclusions(axes)));

test("the rows hold every pair that is possible, and only rows that are", () => {
  fc.assert(
    fc.property(anySpace, ([axes, exclusions]) => {
      const possible = product(axes, exclusions);
      const rows = allPairs(axes, exclusions);
      const wanted = new Set(possible.flatMap(pairsOf));
      assert.deepEqual(new Set(rows.flatMap(pairsOf)), wanted);
      const all = new Set(possible.map((row) => JSON.stringify(Object.entries(row).toSorted())));
      for (const row of rows) assert.ok(all.has(JSON.stringify(Object.entries(row).toSorted())));
      assert.deepEqual(allPairs(axes, exclusions), rows, "the same again");
    }),
  );
});

test("every row brings a pair that those before it do not have", () => {
  fc.assert(
    fc.property(anySpace, ([axes, exclusions]) => {
      const seen = new Set<string>();
      for (const row of allPairs(axes, exclusions)) {
        const fresh = pairsOf(row).filter((pair) => !seen.has(pair));
        assert.notEqual(fresh.length, 0);
        for (const pair of fresh) seen.add(pair);
      }
    }),
  );
});

test("ten axes of two values need few rows: not the 1024 of the product", () => {
  const axes = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`a${i}`, ["off", "on"]]));
  assert.equal(product(axes).length, 1024);
  assert.ok(allPairs(axes).length <= 12, String(allPairs(axes).length));
});

test("the product runs through the last axis first, without what is excluded", () => {
  const axes = { size: [1, 2], name: ["a", "b"] } as const;
  const never = {
    reason: "for the test",
    excludes: ({ size, name }: { size?: number; name?: string }) => size === 2 && name === "a",
  };
  assert.deepEqual(product(axes, [never]), [
    { size: 1, name: "a" },
    { size: 1, name: "b" },
    { size: 2, name: "b" },
  ]);
});
