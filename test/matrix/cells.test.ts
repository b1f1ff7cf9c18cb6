import assert from "node:assert/strict";
import { test } from "node:test";
import {
  EXCLUSIONS,
  RESTORE_AXES,
  SOURCE_AXES,
  pairwise,
  restoreName,
  sourceName,
  whole,
} from "./cells.ts";
import type { Cell } from "./cells.ts";
import { pairsOf, product } from "./pairs.ts";

/** Every pair of a value of the snapshot with another one, or with one of what it is restored to. */
function pairsIn(cells: readonly Cell[]): Set<string> {
  return new Set(
    cells.flatMap(({ source, restores }) =>
      restores.flatMap((restore) => pairsOf({ ...source, ...restore })),
    ),
  );
}

test("the pairs hold all that the exclusions leave, each cell its own version and a newer one", () => {
  const cells = pairwise();
  const all = product({ ...SOURCE_AXES, ...RESTORE_AXES }, EXCLUSIONS).flatMap(pairsOf);
  assert.deepEqual(pairsIn(cells), new Set(all));
  for (const { source, restores } of cells) {
    const targets = restores.map(({ target }) => target);
    assert.equal(targets[0], source.source);
    assert.ok(source.source === "3.7" || targets[1]! > source.source);
  }
});

test("the whole product restores every snapshot in every way, and none twice", () => {
  const cells = whole();
  const names = cells.flatMap(({ source, restores }) =>
    restores.map((restore) => `${sourceName(source)} ${restoreName(restore)}`),
  );
  assert.equal(new Set(names).size, names.length);
  const kinds = 2 * 2; // members, security
  const forms = 9 + 5; // contents; compacted again with other pages and freelists
  assert.equal(cells.length, 4 * kinds * forms);
  const ways = 2 * 2; // members, revision
  assert.equal(names.length, (4 + 3 + 2 + 1) * ways * kinds * forms);
});
