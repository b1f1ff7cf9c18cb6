import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseBump, type SeenRevisions } from "./bump.ts";

const TIME = Date.UTC(2026, 10, 24);
const HOUR = 3_600_000;
const seen = (more: Partial<SeenRevisions> = {}): SeenRevisions => {
  return { highest: 5000n, timeMs: TIME, ratePerSecond: 0, ...more };
};

test("never less than 1 000 000 000 above the highest revision on record", () => {
  for (const ratePerSecond of [0, 1, 1000, Number.NaN, Number.POSITIVE_INFINITY, -5]) {
    const { by } = chooseBump(5000n, seen({ ratePerSecond }), TIME);
    assert.equal(by, 1_000_000_000n);
  }
  assert.equal(chooseBump(2000n, seen(), TIME).by, 3000n + 1_000_000_000n);
});

test("an older lineage whose revisions were raised counts", () => {
  const { by, reason } = chooseBump(700n, seen({ highest: 1_000_000_900n }), TIME);
  assert.equal(700n + by, 2_000_000_900n);
  assert.match(reason, /past 1000000900, the highest on record/);
});

test("a busy cluster that was lost long ago gets more, by rate and age", () => {
  const busy = seen({ ratePerSecond: 2000.5 });
  const { by, reason } = chooseBump(5000n, busy, TIME + 999 * HOUR);
  assert.equal(by, BigInt(2 * 2000.5 * 1000 * 3600));
  assert.match(reason, /twice 2000\.5 revisions\/s, the most observed, for 1000 h/);
});

test("a clock that stands before the backup makes nothing smaller", () => {
  assert.equal(chooseBump(5000n, seen({ ratePerSecond: 9 }), TIME - 999 * HOUR).by, 1_000_000_000n);
  const busy = seen({ ratePerSecond: 1_000_000 });
  assert.deepEqual(chooseBump(5000n, busy, TIME - 999 * HOUR), chooseBump(5000n, busy, TIME));
});

test("a history that leaves no room above it is refused", () => {
  const forged = seen({ highest: (1n << 63n) - 5n });
  assert.throws(
    () => chooseBump(5000n, forged, TIME),
    (error: Error & { code?: string; hint?: string }) =>
      error.code === "usage" && /--exact-revision/.test(error.hint ?? ""),
  );
});
