import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeFreelist, freelistCount, freelistFits, freelistId } from "./freelist.ts";
import { pageCount, pageOverflow } from "./page.ts";

for (const count of [0, 1, 510, 511, 0xfffe, 0xffff, 0x10000, 70000]) {
  test(`encodeFreelist() of ${count} ids reads back`, () => {
    const ids = Array.from({ length: count }, (_, i) => 3 + 2 * i);
    const run = encodeFreelist(2, ids, 4096);
    assert.equal(run.length, (pageOverflow(run, 0) + 1) * 4096);
    assert.equal(pageCount(run, 0), Math.min(count, 0xffff));
    assert.equal(freelistCount(run, 0), count);
    assert.equal(freelistFits(run, 0, run.length), true);
    assert.deepEqual(
      ids.map((_, i) => freelistId(run, 0, i)),
      ids,
    );
    const used = 16 + 8 * count + (count >= 0xffff ? 8 : 0);
    assert.equal(freelistFits(run, 0, used), true);
    if (count > 0) assert.equal(freelistFits(run, 0, used - 1), false);
  });
}
