import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compareNewestFirst } from "../policy/retention.ts";
import { lineageOfImport, nextLineage } from "./lineage.ts";

const newest = { lineage: 3, revision: 500n, clusterId: "abc" };

const NEXT: [
  what: string,
  taken: { revision: bigint; clusterId: string | undefined },
  lineage: number,
][] = [
  ["goes on", { revision: 501n, clusterId: "abc" }, 3],
  ["has not moved", { revision: 500n, clusterId: "abc" }, 3],
  ["fell", { revision: 499n, clusterId: "abc" }, 4],
  ["is another cluster", { revision: 9000n, clusterId: "def" }, 4],
  ["is of an unknown cluster and goes on", { revision: 501n, clusterId: undefined }, 3],
  ["is of an unknown cluster and fell", { revision: 1n, clusterId: undefined }, 4],
];

for (const [what, taken, lineage] of NEXT)
  test(`a revision that ${what} makes lineage ${lineage} after 3`, () => {
    assert.equal(nextLineage(newest, taken), lineage);
  });

test("the first lineage is 1, and the last one that a name can hold is refused to rise", () => {
  assert.equal(nextLineage(undefined, { revision: 1n, clusterId: "abc" }), 1);
  assert.throws(
    () => nextLineage({ ...newest, lineage: 999_999_999 }, { revision: 1n, clusterId: "abc" }),
    /is the last one/,
  );
});

const backup = (lineage: number, revision: bigint, time: number) => ({
  id: `${lineage}-${revision}-${time}`,
  lineage,
  revision,
  time,
});
const THERE = [backup(1, 100n, 10), backup(1, 200n, 20), backup(2, 50n, 30), backup(2, 90n, 40)];

const IMPORTS: [what: string, revision: bigint, time: number, known: boolean, lineage: number][] = [
  ["between two of one lineage", 150n, 15, true, 1],
  ["before the first", 10n, 5, true, 1],
  ["before the first, with a higher revision", 150n, 5, true, 0],
  ["between lineages, before the restore", 250n, 25, true, 1],
  ["between lineages, after the restore", 20n, 25, true, 2],
  ["after the last", 95n, 50, true, 2],
  ["after the last, fallen", 10n, 50, true, 3],
  ["after the last, fallen, at a guessed time", 10n, 50, false, 2],
];

for (const [what, revision, time, known, lineage] of IMPORTS)
  test(`an import ${what} goes into lineage ${lineage}`, () => {
    assert.equal(lineageOfImport(THERE, { revision, time }, known), lineage);
  });

test("the first import starts lineage 1, whatever its time is worth", () => {
  for (const known of [true, false])
    assert.equal(lineageOfImport([], { revision: 7n, time: 1 }, known), 1);
});

test("no import comes out newer than a backup that was taken after it", () => {
  const one = fc.record({
    lineage: fc.integer({ min: 1, max: 4 }),
    revision: fc.bigInt({ min: 1n, max: 20n }),
    time: fc.integer({ min: 1, max: 30 }),
  });
  const there = fc.array(one, { maxLength: 12 });
  fc.assert(
    fc.property(there, one, fc.boolean(), (backups, { revision, time }, known) => {
      const named = backups.map((each) => backup(each.lineage, each.revision, each.time));
      const lineage = lineageOfImport(named, { revision, time }, known);
      const imported = backup(lineage, revision, time);
      assert.ok(lineage >= 0);
      for (const later of named.filter((each) => each.time > time && each.lineage > 0))
        assert.ok(compareNewestFirst(imported, later) > 0, JSON.stringify([imported.id, later.id]));
    }),
  );
});
