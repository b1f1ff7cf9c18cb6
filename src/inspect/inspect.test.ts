/** How bytes come and go: pieces of any size, the sink, aborts and failures, the ends a file can have. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createHash } from "node:crypto";
import { backendOf, leaseRecord, snapshotOf, withTrailer } from "../../test/support/backend.ts";
import { codesOf, inspected, reportOf, sourceOf } from "../../test/support/inspected.ts";
import { databaseOf } from "../../test/support/database.ts";
import { laidOut, putMetas, runsOf } from "../../test/support/layout.ts";
import { random } from "../../test/support/random.ts";
import { emptyStore, hashOfRows, statusOf } from "../../test/support/store.ts";
import type { Sink } from "../io/source.ts";
import { inspectStream } from "./inspect.ts";

const SEED = Number(process.env["SEED"] ?? 3);
const PAGE = 4096;
const TRAILER = 32;

/** Some 100 pages: overwrites, deletions, a lease, a long value, a compaction. */
const store = emptyStore();
{
  const chance = random(SEED);
  for (let i = 0; i < 900; i++) {
    const key = `/registry/pods/default/web-${chance.between(0, 99)}`;
    if (chance.between(0, 9) === 0) store.remove(key);
    else store.put(key, chance.bytes(chance.between(0, 600)), i % 50 === 0 ? 77n : 0n);
  }
  store.put("long", chance.bytes(70_000)).compact(300n);
}
const buckets = backendOf(store, { lease: [leaseRecord(77n)] });
const snapshot = snapshotOf(buckets);
const database = snapshot.subarray(0, snapshot.length - TRAILER);

test("without a digest everything else is the same", async () => {
  const told = await inspected(database);
  const { report, hashKV } = await inspected(database, { withoutDigest: true });
  assert.deepEqual({ ...report }, { ...told.report, sha256: "" });
  assert.deepEqual(hashKV(), told.hashKV());
});

test("a sound snapshot has no findings, and is what its rows say", async () => {
  const { report, hashKV } = await inspected(snapshot);
  assert.deepEqual(report.findings, []);
  const { totalSize, ...status } = report.status;
  assert.deepEqual(status, statusOf(buckets));
  assert.equal(totalSize, database.length);
  assert.deepEqual(report.hashKV, {
    hash: hashOfRows(store.rows, store.head, 300n),
    revision: store.head,
    compactRevision: 300n,
  });
  assert.deepEqual(hashKV(), report.hashKV);
  const later = store.head - 3n;
  assert.deepEqual(hashKV(store.head, later), {
    hash: hashOfRows(store.rows, store.head, later),
    revision: store.head,
    compactRevision: later,
  });
  assert.equal(report.trailer, "verified");
  assert.equal(report.sha256, createHash("sha256").update(database).digest("hex"));
  assert.deepEqual(
    [report.bytes, report.pages, report.dbSize, report.rows, report.leases],
    [snapshot.length, database.length / PAGE, database.length, store.rows.length, 1],
  );
});

test(`the report is the same however the bytes come (seed ${SEED})`, async () => {
  const wanted = await reportOf(snapshot);
  const chance = random(SEED);
  for (const step of [
    () => 1,
    () => 31,
    () => 4095,
    () => chance.between(1, 9000),
    () => 1 << 20,
  ]) {
    const { report } = await inspectStream(sourceOf(snapshot, step));
    assert.deepEqual(report, wanted);
  }
});

test("a source that does not know its size is hashed on a thread of its own, which ends", async () => {
  const wanted = await reportOf(snapshot);
  const { read } = sourceOf(snapshot);
  const before = threads();
  let during = 0;
  const { report } = await inspectStream({ read }, { progress: () => (during = threads()) });
  assert.deepEqual(report, wanted);
  assert.equal(during, before + 1);
  assert.equal(threads(), before);
});

function threads(): number {
  return process.getActiveResourcesInfo().filter((name) => /Worker|MessagePort/.test(name)).length;
}

/** Collects what it is given, slowly where a promise says so. */
function collector(wait: () => Promise<void> = async () => {}): Sink & { bytes(): Buffer } {
  const pieces: Buffer[] = [];
  let at = 0;
  return {
    async write(bytes, position) {
      assert.equal(position, at);
      await wait();
      pieces.push(Buffer.from(bytes)); // a copy, made as late as the contract allows
      at += bytes.length;
    },
    bytes: () => Buffer.concat(pieces),
  };
}

test("the sink gets every byte in order, trailer and all, also of what is no snapshot", async () => {
  const noise = random(SEED).bytes(5_000_000);
  const long = withTrailer(Buffer.concat([database, new Uint8Array(8 << 20)]));
  for (const bytes of [
    snapshot,
    database,
    long,
    noise,
    new Uint8Array(0),
    snapshot.subarray(0, 77),
  ]) {
    const sink = collector(() => new Promise((resolve) => setImmediate(resolve)));
    await inspected(bytes, { sink });
    assert.equal(Buffer.compare(sink.bytes(), bytes), 0);
  }
});

test("progress never goes back and ends with all bytes", async () => {
  const told: number[] = [];
  await inspected(withTrailer(new Uint8Array(9 << 20)), { progress: (bytes) => told.push(bytes) });
  assert.deepEqual(
    told,
    told.toSorted((a, b) => a - b),
  );
  assert.equal(told.at(-1), (9 << 20) + TRAILER);
});

/** A large source without a size: a thread hashes it. */
function endless(bytes: number, onRead: (at: number) => Promise<void> | void = () => {}) {
  let at = 0;
  return {
    async read(into: Uint8Array) {
      await onRead(at);
      const count = Math.min(into.length, bytes - at);
      at += count;
      return count;
    },
  };
}

const never = (): Promise<never> => new Promise(() => {});

test("a failure of source or sink is passed on, and no thread is left", async () => {
  const before = threads();
  const broken = new Error("broken");
  for (const at of [0, 1, 3, 9]) {
    let writes = 0;
    const sink = {
      write: async () => {
        if (writes++ === at) throw broken;
      },
    };
    await assert.rejects(inspectStream(endless(20 << 20), { sink }), broken);
    const source = endless(20 << 20, (read) => {
      if (read >= at << 21) throw broken;
    });
    await assert.rejects(inspectStream(source, { sink: collector() }), broken);
  }
  assert.equal(threads(), before);
});

test("an abort is passed on at once, also where source or sink never answer", async () => {
  const before = threads();
  for (const [source, sink] of [
    [endless(20 << 20), undefined],
    [endless(20 << 20, (at) => (at > 4 << 20 ? never() : undefined)), undefined],
    [endless(0, never), undefined],
    [endless(20 << 20), { write: never }],
    [endless(1 << 20), { write: never }],
  ] as const) {
    const abort = new AbortController();
    const options = { signal: abort.signal, ...(sink && { sink }) };
    const work = inspectStream(source, options);
    setImmediate(() => abort.abort(new Error("enough")));
    await assert.rejects(
      work.then(() => never()),
      /enough/,
    );
    await assert.rejects(inspectStream(source, options), /enough/, "aborted before it began");
  }
  assert.equal(threads(), before);
});

test("without a trailer the database may end with its last page, or whole pages later", async () => {
  for (const pages of [0, 1, 8, 3000]) {
    const padded = Buffer.concat([database, new Uint8Array(pages * PAGE)]);
    const report = await reportOf(padded);
    assert.deepEqual(codesOf(report), ["warning no-trailer"]);
    assert.deepEqual([report.trailer, report.dbSize], ["absent", database.length]);
    const required = await reportOf(padded, { requireTrailer: true });
    assert.deepEqual(codesOf(required), ["error no-trailer"]);
  }
});

test("any other length is an error", async () => {
  for (const more of [1, 31, 33, 512, 4095, 4097, PAGE + TRAILER, 2 * PAGE - 1]) {
    const report = await reportOf(Buffer.concat([database, new Uint8Array(more)]));
    assert.deepEqual(codesOf(report), ["error length"], `${more} bytes more`);
    assert.equal(report.trailer, "absent");
  }
});

test("one wrong bit of data or trailer is a mismatch", async () => {
  const chance = random(SEED);
  for (let i = 0; i < 40; i++) {
    const at =
      i < 10 ? database.length + chance.between(0, 31) : chance.between(0, snapshot.length - 1);
    const changed = snapshot.slice();
    changed[at]! ^= 1 << chance.between(0, 7);
    const report = await reportOf(changed);
    assert.ok(codesOf(report).includes("error trailer-mismatch"), `byte ${at}`);
    assert.equal(report.trailer, "mismatch");
  }
});

test("a trailer may come in two pieces, and fall between two windows", async () => {
  // The first window ends with the database, inside the trailer, and behind it.
  for (const short of [0, 16, 31, 32, 33]) {
    const pages = (2 << 20) / PAGE;
    const whole = new Uint8Array(pages * PAGE - (short < 32 ? 0 : PAGE));
    whole.set(database);
    putMetas(whole, { pages: whole.length / PAGE });
    const bytes = withTrailer(whole);
    const { report } = await inspectStream(sourceOf(bytes, () => Math.max(1, (2 << 20) - short)));
    assert.equal(report.trailer, "verified");
  }
});

test("a file cut anywhere is truncated, and is damage even where the rest could be read", async () => {
  const cuts = [
    PAGE + 16 + 64,
    2 * PAGE,
    2 * PAGE + 16,
    database.length - PAGE,
    database.length - 1,
  ];
  for (let length = PAGE + 80; length < database.length; length += 7919) cuts.push(length);
  for (const length of cuts) {
    const codes = codesOf(await reportOf(snapshot.subarray(0, length)));
    assert.ok(codes.includes("error truncated"), `${length} bytes`);
  }
  for (let length = 0; length < TRAILER; length++) {
    const codes = codesOf(await reportOf(snapshot.subarray(0, database.length + length)));
    assert.deepEqual(codes, [length === 0 ? "warning no-trailer" : "error length"]);
  }
});

test("a file cut inside a run of pages says so, and counts none of its rows", async () => {
  const rows = emptyStore();
  for (let i = 0; i < 4; i++) rows.put(`key-${i}`, new Uint8Array(40_000));
  const file = databaseOf(backendOf(rows), { pageSize: PAGE });
  const rootFirst = runsOf(file).toReversed();
  const bytes = laidOut(
    file,
    rootFirst.map((run) => ({ run, gap: 0 })),
  );
  const incomplete = new Set<string | undefined>();
  for (let length = 8 * PAGE; length < bytes.length; length += PAGE) {
    const report = await reportOf(bytes.subarray(0, length));
    // Each row has a run of its own: what was cut off is missing, and nothing is there instead.
    assert.ok(report.rows < 4 && report.liveKeys === report.rows && report.tombstones === 0);
    for (const { code, message } of report.findings) {
      assert.ok(
        ["truncated", "page-invalid", "page-missing", "revision-gap"].includes(code),
        message,
      );
      incomplete.add(/was not read whole/.exec(message)?.[0]);
    }
  }
  assert.ok(incomplete.has("was not read whole"));
});

test("one valid meta is enough; the other is a warning", async () => {
  const wanted = await reportOf(database);
  for (const page of [0, 1]) {
    for (const spoil of [
      (bytes: Uint8Array) => bytes.fill(0, page * PAGE, (page + 1) * PAGE),
      (bytes: Uint8Array) => bytes.fill(0xff, page * PAGE + 50, page * PAGE + 60),
      (bytes: Uint8Array) => (bytes[page * PAGE + 16 + 63]! ^= 1),
    ]) {
      const bytes = database.slice();
      spoil(bytes);
      const report = await reportOf(bytes);
      assert.deepEqual(codesOf(report), ["warning meta-torn", "warning no-trailer"]);
      assert.deepEqual(report.findings[0]?.where, { page, offset: page * PAGE });
      assert.deepEqual(report.status, wanted.status);
    }
  }
});

test("of two valid metas the newer counts, whichever page it is on", async () => {
  for (const page of [0, 1]) {
    const bytes = database.slice();
    putMetas(bytes, { txid: 100n });
    const stale = bytes.slice();
    putMetas(stale, { root: 2, txid: 50n });
    bytes.set(stale.subarray(page * PAGE, (page + 1) * PAGE), page * PAGE);
    assert.deepEqual(codesOf(await reportOf(bytes)), ["warning no-trailer"]);
  }
});

test("without a valid meta there is no database", async () => {
  const both = database.slice();
  both.fill(0, 16, 2 * PAGE);
  for (const bytes of [both, new Uint8Array(0), new Uint8Array(100), random(1).bytes(50_000)]) {
    const report = await reportOf(bytes);
    assert.deepEqual(codesOf(report), ["error meta-invalid"]);
    assert.deepEqual([report.pages, report.rows, report.bytes], [0, 0, bytes.length]);
    assert.equal(report.sha256, createHash("sha256").update(bytes).digest("hex"));
  }
});
