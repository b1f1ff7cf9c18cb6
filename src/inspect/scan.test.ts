/** Pages and rows of every size and layout, across windows; and what is held of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { backendOf, entries, snapshotOf, withTrailer } from "../../test/support/backend.ts";
import { databaseOf, readAtOf, sourcesOf } from "../../test/support/database.ts";
import type { Buckets } from "../../test/support/database.ts";
import { codesOf, contentsOfReport, inspected, reportOf } from "../../test/support/inspected.ts";
import { laidOut, putMetas, runsOf } from "../../test/support/layout.ts";
import { random } from "../../test/support/random.ts";
import { emptyStore, encodeKeyValue, hashOfRows, statusOf } from "../../test/support/store.ts";
import type { Store } from "../../test/support/store.ts";
import { encodeFreelist } from "../format/bbolt/freelist.ts";
import { readMeta } from "../format/bbolt/meta.ts";
import {
  elementStart,
  LEAF,
  leafKeySize,
  leafKeyStart,
  leafValueSize,
  pageCount,
  pageFlags,
  putLeafElement,
  putPageHeader,
  putPageNumber,
} from "../format/bbolt/page.ts";
import type { Entry } from "../format/bbolt/reader.ts";
import { writeDatabase } from "../format/bbolt/writer.ts";
import { putU32le } from "../format/bytes.ts";
import { crc32c } from "../format/crc32c.ts";
import { encodeRevision } from "../format/mvcc/revision.ts";
import { iterableSource } from "../io/source.ts";
import { inspectStream } from "./inspect.ts";
import { Scan } from "./scan.ts";

const SEED = Number(process.env["SEED"] ?? 6);
const PAGE = 4096;
/** Read at a time. */
const PIECE = 2 << 20;

async function assertLike(
  file: Uint8Array,
  buckets: Buckets,
  findings: string[] = [],
): Promise<void> {
  const { report, hashKV } = await inspected(withTrailer(file));
  assert.deepEqual(codesOf(report), findings);
  const { totalSize, ...status } = report.status;
  assert.deepEqual(status, statusOf(buckets));
  assert.equal(totalSize, file.length);
  const rows = buckets.get("key")!;
  assert.equal(hashKV().hash, hashOfRows(rows, report.revision, report.compactRevision));
}

function storeOf(sizes: readonly number[]): Store {
  const store = emptyStore();
  const block = random(SEED).bytes(1 << 16);
  for (const [i, size] of sizes.entries()) {
    const value = new Uint8Array(size);
    for (let at = 0; at < size; at += block.length) value.set(block.subarray(0, size - at), at);
    store.put(`/registry/pods/default/${i % 7}`, value);
  }
  return store;
}

for (const pageSize of [1024, 4096, 16384, 65536])
  test(`values of 1.4 MB, 3 MiB and 20 MiB beside small ones, in pages of ${pageSize} bytes`, async () => {
    const buckets = backendOf(
      storeOf([5, 1_400_000, 0, 70, 3 << 20, 3 << 20, 900, 20 << 20, 1, 1_400_000, 2]),
    );
    await assertLike(databaseOf(buckets, { pageSize }), buckets);
  });

test("rows that end one byte before, at and behind the end of a page and of a window", async () => {
  for (const border of [16 * PAGE, PIECE, 2 * PIECE, PIECE + PAGE]) {
    for (const off of [-17, -1, 0, 1, 16, 17]) {
      // A row that is alone in its run, which begins 4 pages before the border.
      const start = border - 4 * PAGE;
      const rowStart = start + 16 + 16;
      const head = encodeKeyValue({
        key: "k",
        createRevision: 2n,
        modRevision: 2n,
        version: 1n,
        value: new Uint8Array(9000),
      });
      const store = emptyStore().put(
        "k",
        new Uint8Array(9000 + (border + off - rowStart - 17 - head.length)),
      );
      store.put("after", "a".repeat(3000)).put("last", "b".repeat(2000));
      const buckets = backendOf(store);
      const file = databaseOf(buckets, { pageSize: PAGE });
      const [first, ...others] = runsOf(file);
      const placed = [
        { run: first!, gap: start / PAGE - 2 },
        ...others.map((run) => ({ run, gap: 0 })),
      ];
      const moved = laidOut(file, placed);
      const key = leafKeyStart(moved, start, 0);
      assert.equal(
        key + leafKeySize(moved, start, 0) + leafValueSize(moved, start, 0),
        border + off,
      );
      await assertLike(moved, buckets);
    }
  }
});

test(`any tree in any order of pages (seed ${SEED})`, async () => {
  const chance = random(SEED);
  for (let i = 0; i < 12; i++) {
    const sizes = Array.from({ length: 150 }, () =>
      chance.pick([0, 10, 300, 300, 2000, 5000, 40_000]),
    );
    const buckets = backendOf(storeOf(sizes), { alarm: [], more: entries(["a", "b"]) });
    const file = databaseOf(buckets, { pageSize: PAGE, fill: chance.pick([0.3, 0.9, 1]) });
    const order = runsOf(file)
      .map((run) => ({ run, gap: chance.between(0, 2), at: chance.between(0, 1 << 30) }))
      .toSorted((a, b) => a.at - b.at);
    await assertLike(laidOut(file, order), buckets, ["warning bucket-unknown"]);
  }
});

/** Moves the data of a leaf's elements into another order, each still found by its element. */
function shuffleLeaf(
  file: Uint8Array,
  base: number,
  end: number,
  order: (count: number) => number[],
): void {
  const count = pageCount(file, base);
  const old = file.slice(base, end);
  let at = elementStart(base, count);
  for (const i of order(count)) {
    const size = leafKeySize(old, 0, i) + leafValueSize(old, 0, i);
    const from = leafKeyStart(old, 0, i);
    file.set(old.subarray(from, from + size), at);
    putU32le(file, elementStart(base, i) + 4, at - elementStart(base, i));
    at += size;
  }
}

test("leaves whose rows do not lie in order are read all the same, and are a warning", async () => {
  const chance = random(SEED);
  const shuffled = (count: number): number[] =>
    Array.from({ length: count }, (_, i) => ({ i, at: chance.between(0, 1 << 30) }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ i }) => i);
  for (const order of [shuffled, (n: number) => [...Array(n).keys()].toReversed()]) {
    const buckets = backendOf(storeOf([...Array(300).keys()].map((i) => (i * 37) % 500)));
    const file = databaseOf(buckets, { pageSize: PAGE });
    const moved = laidOut(
      file,
      runsOf(file).map((run) => ({ run, gap: 0 })),
    );
    let count = 0;
    for (const { page, pages } of runsOf(moved)) {
      if (pageFlags(moved, page * PAGE) !== LEAF) continue;
      shuffleLeaf(moved, page * PAGE, (page + pages) * PAGE, order);
      count++;
    }
    assert.ok(count > 10);
    await assertLike(moved, buckets, ["warning page-layout"]);
  }
});

/** The bucket "key" has a page of its own here. */
const sparse = databaseOf(backendOf(emptyStore().put("a", "x".repeat(2000))), { pageSize: PAGE });

/** A snapshot whose key bucket is one leaf with all rows, as nobody writes it but anybody may read it. */
function oneLeaf(rows: readonly Entry[], gap: number): Uint8Array {
  const file = sparse;
  const leaf = file.length / PAGE + gap;
  const size = rows.reduce((sum, { key, value }) => sum + 16 + key.length + value.length, 16);
  const pages = Math.ceil(size / PAGE);
  const out = new Uint8Array((leaf + pages) * PAGE);
  out.set(file);
  const base = leaf * PAGE;
  putPageHeader(out, base, { id: leaf, flags: LEAF, count: rows.length, overflow: pages - 1 });
  let at = elementStart(base, rows.length);
  for (const [i, { key, value }] of rows.entries()) {
    putLeafElement(out, base, i, {
      flags: 0,
      keyStart: at,
      keySize: key.length,
      valueSize: value.length,
    });
    out.set(key, at);
    out.set(value, at + key.length);
    at += key.length + value.length;
  }
  const root = readMeta(readAtOf(file), file.length).root * PAGE;
  // The sixth bucket is "key".
  putPageNumber(out, leafKeyStart(out, root, 5) + leafKeySize(out, root, 5), leaf);
  putMetas(out, { pages: out.length / PAGE });
  return out;
}

test("element tables longer than a page, in every order of rows, also across windows", async () => {
  const store = storeOf([...Array(3000).keys()].map((i) => (i * 7) % 300));
  const buckets = backendOf(store);
  for (const gap of [0, PIECE / PAGE - 10, PIECE / PAGE - 200]) {
    const file = oneLeaf(store.rows, gap);
    await assertLike(file, buckets);
    const start = (sparse.length / PAGE + gap) * PAGE;
    shuffleLeaf(file, start, file.length, (count) => [...Array(count).keys()].toReversed());
    await assertLike(file, buckets, ["warning page-layout"]);
  }
});

test("freelists of both forms, agreeing and not", async () => {
  const pageSize = 1024;
  const buckets = backendOf(emptyStore().put("a", "b"));
  const file = databaseOf(buckets, { pageSize });
  const wanted = contentsOfReport(await reportOf(withTrailer(file)));
  for (const count of [0, 1, 1000, 65534, 65535]) {
    const freelist = file.length / pageSize;
    const idBytes = 8 * count + (count >= 65535 ? 8 : 0);
    const first = freelist + Math.ceil((16 + idBytes) / pageSize);
    const ids = Array.from({ length: count }, (_, i) => first + i);
    const out = new Uint8Array((first + count) * pageSize);
    out.set(file);
    putMetas(out, { freelist, pages: first + count });
    out.set(encodeFreelist(freelist, ids, pageSize), freelist * pageSize);
    const report = await reportOf(withTrailer(out));
    assert.deepEqual(contentsOfReport(report), wanted, `${count} free pages`);
    assert.deepEqual([report.freelist, report.dbSizeInUse], ["persisted", first * pageSize]);
    if (count === 0) continue;
    out.set(encodeFreelist(freelist, ids.with(count - 1, 2), pageSize), freelist * pageSize);
    const bad = await reportOf(withTrailer(out));
    assert.deepEqual(codesOf(bad), ["error freelist-invalid"]);
    assert.equal(bad.findings.length, 2); // one in use, one forgotten
  }
});

test("what the next window needs reaches back no further than the longest row, however many pages went by", () => {
  const sizes = [...Array(40).keys()].map((i) => (i % 4 === 0 ? 1_400_000 : 300));
  const file = databaseOf(backendOf(storeOf(sizes)), { pageSize: PAGE });
  const scan = new Scan(readMeta(readAtOf(file), file.length), crc32c, SEED);
  let from = 0;
  for (let end = 300_000; end < file.length; end += 300_000) {
    scan.read(file.subarray(from, end), from);
    from = scan.neededFrom;
    assert.ok(end - from < 1_400_000 + 3 * 16384, `${end - from} bytes behind ${end}`);
  }
});

/** A database that exists only while it is read: the metas first, then pages as the writer makes them. */
function streamed(rows: () => Iterable<Entry>): () => AsyncGenerator<Uint8Array> {
  const write = () => {
    const sources = sourcesOf(backendOf(emptyStore())).map(({ name, entries: own }) => ({
      name,
      entries: name === "key" ? rows() : own,
    }));
    return writeDatabase(sources, { pageSize: PAGE });
  };
  const metas = [...write()]
    .filter(({ offset }) => offset < 2 * PAGE)
    .toSorted((a, b) => a.offset - b.offset);
  return async function* () {
    for (const { bytes } of metas) yield bytes;
    for (const { offset, bytes } of write()) if (offset >= 2 * PAGE) yield bytes;
  };
}

function* equalRows(count: number, valueBytes: number): Generator<Entry> {
  const value = new Uint8Array(valueBytes);
  for (let i = 0; i < count; i++) {
    const main = BigInt(i) + 2n;
    const key = `/registry/pods/default/web-${i % 1000}`;
    const version = BigInt(Math.floor(i / 1000)) + 1n;
    const createRevision = BigInt(i % 1000) + 2n;
    yield {
      key: encodeRevision({ main, sub: 0n }),
      value: encodeKeyValue({ key, createRevision, modRevision: main, version, value }),
    };
  }
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** The most memory held while `rows` are inspected, beyond that before. */
async function memoryFor(rows: () => Iterable<Entry>): Promise<{ most: number; bytes: number }> {
  const source = iterableSource(streamed(rows)());
  const used = (): number => {
    collectGarbage();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = used();
  let most = 0;
  const progress = (): void => {
    most = Math.max(most, used() - before);
  };
  const { report } = await inspectStream(source, { progress });
  progress();
  assert.deepEqual(codesOf(report), ["warning no-trailer"]);
  return { most, bytes: report.bytes };
}

test("memory does not grow with bytes, and by some tens of bytes a row", async () => {
  const few = await memoryFor(() => equalRows(120, 1_000_000));
  assert.ok(few.bytes > 120_000_000);
  assert.ok(few.most < 50e6, `${few.most} bytes for 120 large rows`);
  const count = 100_000;
  const many = await memoryFor(() => equalRows(count, 20));
  assert.ok(many.most < 30e6 + count * 100, `${many.most} bytes for ${count} rows`);
});

test("any rows in any page size are what the plain way says", async () => {
  const row = fc.record(
    {
      key: fc.constantFrom("a", "b/c", "/d/e", ""),
      size: fc.oneof(fc.nat(40), fc.nat(9000)),
      kind: fc.nat(9),
    },
    { noNullPrototype: true },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { maxLength: 60 }),
      fc.constantFrom(1024, 4096, 16384),
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (rows, pageSize, compact) => {
        const store = emptyStore();
        for (const { key, size, kind } of rows)
          if (kind === 0) store.remove(key);
          else store.put(key, new Uint8Array(size).fill(kind));
        if (compact < 0.5 && store.head > 2n)
          store.compact(BigInt(Math.ceil(Number(store.head) * compact)));
        const buckets = backendOf(store);
        const { report, hashKV } = await inspected(snapshotOf(buckets, { pageSize }));
        assert.deepEqual(report.findings, []);
        const { totalSize: _, ...status } = report.status;
        assert.deepEqual(status, statusOf(buckets));
        assert.equal(hashKV().hash, hashOfRows(store.rows, report.revision, store.compacted));
      },
    ),
    { numRuns: 150 },
  );
});
