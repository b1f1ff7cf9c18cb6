import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  backendOf,
  compactionMark,
  entries,
  metaRecords,
  snapshotOf,
} from "../../test/support/backend.ts";
import { codesOf, inspected } from "../../test/support/inspected.ts";
import { random } from "../../test/support/random.ts";
import { emptyStore, encodeKeyValue, hashOfRows, tombstoneKey } from "../../test/support/store.ts";
import type { Change, Store } from "../../test/support/store.ts";
import type { Entry } from "../format/bbolt/reader.ts";
import { encodeRevision, isTombstone } from "../format/mvcc/revision.ts";
import type { Inspection } from "./report.ts";

const SEED = Number(process.env["SEED"] ?? 8);

function inspectStore(store: Store, rows = store.rows): Promise<Inspection> {
  return inspected(snapshotOf(backendOf(store, { key: rows })));
}

/** At every revision that a server would answer for, the same as straight from the definition. */
function assertHashes(
  { hashKV, report }: Inspection,
  rows: readonly Entry[],
  compacted: bigint,
): void {
  const first = compacted < 0n ? 1n : compacted;
  for (let at = first; at <= report.revision; at++)
    assert.deepEqual(
      hashKV(at),
      { hash: hashOfRows(rows, at, compacted), revision: at, compactRevision: compacted },
      `revision ${at}`,
    );
  assert.deepEqual(hashKV(), hashKV(report.revision));
  assert.deepEqual(report.hashKV, hashKV());
  assert.throws(() => hashKV(report.revision + 1n), { code: "revision-in-future" });
  if (compacted > 0n) assert.throws(() => hashKV(compacted - 1n), { code: "revision-compacted" });
}

test(`HashKV at every revision, before and after each of several compactions (seed ${SEED})`, async () => {
  const chance = random(SEED);
  const store = emptyStore();
  const key = (): string => `/registry/${chance.pick(["pods", "leases"])}/${chance.between(0, 12)}`;
  const change = (): Change =>
    chance.between(0, 3) === 0
      ? { remove: key() }
      : { put: key(), value: chance.bytes(chance.between(0, 300)) };
  for (const compact of [-1n, 0n, 40n, 0n, 20n]) {
    for (let i = 0; i < 70; i++) {
      const changes = Array.from({ length: chance.between(1, 4) }, change);
      const keys = changes.map((one) => ("put" in one ? one.put : one.remove));
      if (new Set(keys).size === keys.length) store.write(...changes);
    }
    if (compact >= 0n) store.compact(store.head - compact);
    assertHashes(await inspectStore(store), store.rows, store.compacted);
  }
});

test("revisions that need more than 32 bits, and those just before them", async () => {
  for (const start of [2n ** 32n - 150n, 2n ** 40n]) {
    const store = emptyStore(start);
    for (let i = 0; i < 300; i++)
      if (i % 5 === 4) store.remove(`k${i % 7}`);
      else store.put(`k${i % 7}`, `${i}`);
    for (const compact of [0n, 100n, 200n]) {
      if (compact > 0n) store.compact(start + compact);
      const inspection = await inspectStore(store);
      assert.deepEqual(codesOf(inspection.report), []);
      assertHashes(inspection, store.rows, store.compacted);
    }
  }
});

test("a compaction at a tombstone, which older servers drop and newer ones keep", async () => {
  const store = emptyStore().put("a", "1").put("b", "1").remove("a").put("b", "2").put("a", "2");
  const kept = store.compact(4n).rows;
  const dropped = kept.filter((row) => !isTombstone(row.key));
  assert.equal(kept.length, dropped.length + 1);
  for (const rows of [kept, dropped]) assertHashes(await inspectStore(store, rows), kept, 4n);
});

test("a store in which nothing is alive", async () => {
  const gone = emptyStore().put("a", "1").put("b", "1").write({ remove: "a" }, { remove: "b" });
  assertHashes(await inspectStore(gone), gone.rows, -1n);
  gone.compact(3n);
  assertHashes(await inspectStore(gone), gone.rows, 3n);
  gone.compact(4n);
  assertHashes(await inspectStore(gone), gone.rows, 4n);
  const empty = emptyStore();
  assertHashes(await inspectStore(empty), [], -1n);
});

test("a compaction caught half way hashes like the whole one", async () => {
  const sixty = (): Store => {
    const store = emptyStore();
    for (let i = 0; i < 60; i++) store.put(`k${i % 7}`, `${i}`);
    return store.compact(20n);
  };
  const before = sixty();
  const after = sixty().compact(50n).rows;
  const stays = new Set(after.map(({ key }) => key.join()));
  const meta = metaRecords({ compacted: 20n }).map(({ key, value }) => {
    const isScheduled = Buffer.from(key).toString() === "scheduledCompactRev";
    return { key, value: isScheduled ? compactionMark(50n) : value };
  });
  for (const done of [0, 1, 9, Infinity]) {
    let gone = 0;
    const rows = before.rows.filter(({ key }) => stays.has(key.join()) || gone++ >= done);
    const inspection = await inspected(snapshotOf(backendOf(before, { key: rows, meta })));
    assert.deepEqual(codesOf(inspection.report), ["warning compaction-unfinished"]);
    assertHashes(inspection, after, 50n);
  }
});

test("a compaction scheduled above the head is the revision that a server begins with", async () => {
  const store = emptyStore().put("a", "1").put("a", "2");
  const meta = metaRecords({ compacted: 10n });
  const { report } = await inspected(snapshotOf(backendOf(store, { meta })));
  assert.deepEqual(
    [report.revision, report.status.revision, report.compactRevision],
    [10n, 3n, 10n],
  );
  assert.equal(report.hashKV.hash, hashOfRows(store.rows, 10n, 10n));
});

test("what a revision bump leaves: one live key without a name, all before it compacted", async () => {
  const store = emptyStore().put("a", "1").put("b", "1").remove("b");
  const bumped = { main: 1_000_000_004n, sub: 0n };
  const rows = [...store.rows, { key: encodeRevision(bumped), value: new Uint8Array(0) }];
  const meta = metaRecords({ compacted: bumped.main }).filter(
    ({ key }) => !Buffer.from(key).toString().startsWith("finished"),
  );
  const inspection = await inspected(snapshotOf(backendOf(store, { key: rows, meta })));
  const { report } = inspection;
  assert.deepEqual(codesOf(report), ["warning compaction-unfinished"]);
  assert.deepEqual(
    [report.revision, report.liveKeys, report.status.totalKey, report.rows],
    [bumped.main, 2, 2, 4],
  );
  assert.equal(report.hashKV.hash, hashOfRows(rows, bumped.main, bumped.main));
  // A server that has worked with it since.
  const next = { main: bumped.main + 1n, sub: 0n };
  const value = encodeKeyValue({
    key: "a",
    createRevision: 2n,
    modRevision: next.main,
    version: 2n,
  });
  const later = [...rows, { key: encodeRevision(next), value }];
  const worked = await inspected(
    snapshotOf(backendOf(store, { key: later, meta: metaRecords({ compacted: bumped.main }) })),
  );
  assert.deepEqual(worked.report.findings, []);
  assert.equal(worked.report.hashKV.hash, hashOfRows(later, next.main, bumped.main));
});

test("an 18th key byte that is no mark of deletion makes a put, as for etcd", async () => {
  const odd = tombstoneKey({ main: 2n, sub: 0n }).with(17, 0x75);
  const value = encodeKeyValue({ key: "a", createRevision: 2n, modRevision: 2n, version: 1n });
  const { report } = await inspected(
    snapshotOf(backendOf(emptyStore(), { key: [{ key: odd, value }] })),
  );
  assert.deepEqual([report.liveKeys, report.tombstones, report.findings], [1, 0, []]);
});

test("any history, any compaction, any revision", async () => {
  const change = fc.record(
    { key: fc.constantFrom("a", "b", "c", "d/e"), remove: fc.boolean(), lease: fc.constant(0n) },
    { noNullPrototype: true },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uniqueArray(change, { minLength: 1, maxLength: 4, selector: ({ key }) => key }), {
        maxLength: 25,
      }),
      fc.array(fc.nat(25), { maxLength: 3 }),
      async (transactions, compactions) => {
        const store = emptyStore();
        for (const changes of transactions)
          store.write(
            ...changes.map(({ key, remove }): Change =>
              remove ? { remove: key } : { put: key, value: "v" },
            ),
          );
        for (const at of compactions.toSorted((a, b) => a - b))
          if (at > 1 && BigInt(at) <= store.head) store.compact(BigInt(at));
        const inspection = await inspectStore(store);
        assert.deepEqual(inspection.report.findings, []);
        assertHashes(inspection, store.rows, store.compacted);
      },
    ),
    { numRuns: 200 },
  );
});

test("records that are no rows do not take part", async () => {
  const store = emptyStore().put("a", "1");
  const rows = [...store.rows, ...entries(["zzz", "no row"])];
  const { report } = await inspected(snapshotOf(backendOf(store, { key: rows })));
  assert.equal(report.hashKV.hash, hashOfRows(store.rows, 2n, -1n));
});
