import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  anyBuckets,
  anyPageSize,
  contentsOf,
  databaseOf,
  expected,
  readAtOf,
  rows,
  sourcesOf,
} from "../../../test/support/database.ts";
import { compareBytes, textBytes } from "../bytes.ts";
import { type Entry, openDatabase } from "./reader.ts";
import { type WriteOptions, writeDatabase } from "./writer.ts";

const anyFile = anyPageSize.chain((pageSize) =>
  fc.record({
    buckets: anyBuckets(pageSize),
    options: fc.record({
      pageSize: fc.constant(pageSize),
      fill: fc.constantFrom(0.1, 0.5, 0.9, 1),
      freelist: fc.constantFrom<"none" | "persisted">("none", "persisted"),
    }),
  }),
);

test("what writeDatabase() wrote, the reader reads", () => {
  fc.assert(
    fc.property(anyFile, ({ buckets, options }) => {
      assert.deepEqual(contentsOf(databaseOf(buckets, options)), expected(buckets));
    }),
    { numRuns: 150 },
  );
});

test("writeDatabase() leaves no byte out, and the metas come last", () => {
  fc.assert(
    fc.property(anyFile, ({ buckets, options }) => {
      const writes = [...writeDatabase(sourcesOf(buckets), options)];
      const metas = writes.splice(-2);
      assert.deepEqual(
        metas.map((write) => write.offset),
        [options.pageSize, 0],
      );
      let next = 2 * options.pageSize;
      for (const { offset, bytes } of writes) {
        assert.equal(offset, next);
        assert.equal(bytes.length % options.pageSize, 0);
        next += bytes.length;
      }
      const { meta } = openDatabase(readAtOf(databaseOf(buckets, options)), next);
      assert.equal(meta.pages * meta.pageSize, next);
      assert.equal(meta.freelist === undefined, options.freelist === "none");
    }),
    { numRuns: 60 },
  );
});

test("get(), entries(from) and lastKey() agree with the entries, in a deep tree", () => {
  const entries = rows(3000, 120, 30).map(({ key, value }, i) => ({ key: spaced(key, i), value }));
  const file = databaseOf(new Map([["key", entries]]), { pageSize: 1024 });
  const bucket = openDatabase(readAtOf(file), file.length).bucket("key")!;
  assert.deepEqual(bucket.lastKey(), entries.at(-1)!.key);
  for (let i = 0; i < entries.length; i += 7) {
    const { key, value } = entries[i]!;
    assert.deepEqual(bucket.get(key), value);
    const between = key.slice(0, -1);
    assert.equal(bucket.get(between), undefined);
    const rest = bucket.entries(between)[Symbol.iterator]();
    assert.deepEqual(rest.next().value, entries[i]);
    assert.deepEqual(rest.next().value, entries[i + 1]);
  }
  assert.equal([...bucket.entries(Uint8Array.of(255))].length, 0);
  assert.equal([...bucket.entries(new Uint8Array(0))].length, entries.length);
});

/** Keys of different lengths in the same order. */
function spaced(key: Uint8Array, i: number): Uint8Array {
  return key.slice(0, 5 + (i % 116));
}

test("a bucket is inline up to a quarter of a page, header included, and a tree from the next byte on", () => {
  for (const pageSize of [1024, 4096, 65536]) {
    const pagesWith = (valueBytes: number): number => {
      const file = databaseOf(new Map([["meta", rows(1, 4, valueBytes)]]), { pageSize });
      assert.deepEqual(contentsOf(file), expected(new Map([["meta", rows(1, 4, valueBytes)]])));
      return file.length / pageSize;
    };
    const most = pageSize / 4 - 16 - 16 - 4;
    assert.equal(pagesWith(most), 3, "two metas and the root bucket");
    assert.equal(pagesWith(most + 1), 4);
  }
});

test("writeDatabase() takes no more entries than the page it writes needs", () => {
  let taken = 0;
  function* entries(): Generator<Entry> {
    for (const row of rows(100_000, 8, 100)) {
      taken++;
      yield row;
    }
  }
  const writes = writeDatabase([{ name: "key", entries: entries() }], { pageSize: 4096 });
  for (let pages = 1; pages <= 500; pages++) {
    assert.equal(writes.next().done, false);
    assert.ok(taken <= (pages + 1) * Math.ceil(4096 / 124), `${taken} entries for ${pages} pages`);
  }
});

test("a page holds at most 65534 elements", () => {
  const entries = rows(70_000, 4, 0);
  const file = databaseOf(new Map([["key", entries]]), { pageSize: 1024 << 14, fill: 1 });
  assert.equal(file.length / (1024 << 14), 2 + 2 + 1 + 1, "metas, two leaves, a branch, the root");
  assert.deepEqual(contentsOf(file), expected(new Map([["key", entries]])));
});

const one = (key: string): Entry => ({ key: textBytes(key), value: new Uint8Array(300) });
const long = (length: number): Entry => ({ key: new Uint8Array(length), value: new Uint8Array(0) });

for (const [what, names, entries] of [
  ["a key before its predecessor", ["key"], [one("b"), one("a")]],
  ["a key twice", ["key"], [one("a"), one("a")]],
  ["an empty key", ["key"], [long(0)]],
  ["a key of more than 32768 bytes", ["key"], [long(32769)]],
  ["a bucket before its predecessor", ["meta", "key"], [one("a")]],
  ["a bucket twice", ["key", "key"], [one("a")]],
  ["a bucket without a name", [""], [one("a")]],
] as [string, string[], Entry[]][]) {
  test(`writeDatabase() refuses ${what}`, () => {
    const sources = names.map((name) => ({ name, entries }));
    assert.throws(() => [...writeDatabase(sources, { pageSize: 4096 })], { code: "failed" });
  });
}

test("writeDatabase() takes the longest key that bbolt takes", () => {
  const buckets = new Map([["key", [long(1), long(32768)]]]);
  assert.deepEqual(contentsOf(databaseOf(buckets, { pageSize: 4096 })), expected(buckets));
});

test("writeDatabase() refuses page sizes and fills that cannot be", () => {
  const bad: WriteOptions[] = [
    { pageSize: 512 },
    { pageSize: 4095 },
    { pageSize: 4096, fill: 0 },
    { pageSize: 4096, fill: 1.1 },
  ];
  for (const options of bad)
    assert.throws(() => [...writeDatabase([], options)], { code: "failed" });
});

test("names() are ascending, and an absent bucket is undefined", () => {
  const names = Array.from({ length: 500 }, (_, i) => `bucket ${i}`);
  const buckets = new Map(names.map((name) => [name, rows(3, 4, 10)]));
  const file = databaseOf(buckets, { pageSize: 1024 });
  const database = openDatabase(readAtOf(file), file.length);
  const found = [...database.bucketNames()].map((name) => name.slice());
  assert.deepEqual(found, names.map(textBytes).toSorted(compareBytes));
  assert.equal(database.bucket("bucket 500"), undefined);
  assert.deepEqual(contentsOf(file), expected(buckets));
});
