import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  anyBuckets,
  anyEntries,
  anyPageSize,
  applied,
  type Buckets,
  contentsOf,
  databaseOf,
  expected,
  readAtOf,
  rows,
} from "../../../test/support/database.ts";
import { compareBytes, concatBytes } from "../bytes.ts";
import { type Edits, patchDatabase } from "./patch.ts";
import { type Entry, openDatabase } from "./reader.ts";

const anyCase = anyPageSize.chain((pageSize) =>
  fc.record({
    buckets: anyBuckets(pageSize),
    options: fc.record({
      pageSize: fc.constant(pageSize),
      fill: fc.constantFrom(0.5, 1),
      freelist: fc.constantFrom<"none" | "persisted">("none", "persisted"),
    }),
    replace: anyBuckets(pageSize),
    append: fc.uniqueArray(
      fc.tuple(fc.constantFrom("auth", "key", "lease", "new"), anyEntries(pageSize)),
      { selector: ([name]) => name, maxLength: 3 },
    ),
    tornMeta: fc.constantFrom(undefined, 0, 1),
    spare: fc.nat(3),
  }),
);

/** Edits that fit: what is appended comes after what the bucket has by then. */
function editsOf(buckets: Buckets, replace: Buckets, append: [string, Entry[]][]): Edits {
  const moved = append.map(([name, entries]): [string, Entry[]] => {
    const last = (replace.get(name) ?? buckets.get(name))?.at(-1)?.key ?? new Uint8Array(0);
    if (last.length + 32768 / 2 > 32768) return [name, []];
    return [name, entries.map(({ key, value }) => ({ key: after(last, key), value }))];
  });
  return { replace, append: new Map(moved) };
}

function after(last: Uint8Array, key: Uint8Array): Uint8Array {
  return concatBytes([last, key.subarray(0, 16384)]);
}

function edited(buckets: Buckets, { replace, append = new Map() }: Edits): Buckets {
  const out = new Map([...buckets, ...replace] as [string, Entry[]][]);
  for (const [name, entries] of append) out.set(name, [...(out.get(name) ?? []), ...entries]);
  return out;
}

function tear(file: Uint8Array, pageSize: number, meta: 0 | 1): void {
  file.fill(0x5a, meta * pageSize + 30, meta * pageSize + 70);
}

test("a patched file has the edited contents, and the old ones until its metas are written", () => {
  fc.assert(
    fc.property(anyCase, ({ buckets, options, replace, append, tornMeta, spare }) => {
      const whole = databaseOf(buckets, options);
      const file = applied(whole, [], whole.length + spare * options.pageSize);
      file.fill(0xee, whole.length);
      if (tornMeta !== undefined) tear(file, options.pageSize, tornMeta);
      const edits = editsOf(buckets, replace, append);

      const { writes, size } = patchDatabase(readAtOf(file), file.length, edits);
      const pages = writes.slice(0, -2);
      assert.deepEqual(contentsOf(applied(file, pages, size)), expected(buckets));
      const wanted = expected(edited(buckets, edits));
      assert.deepEqual(contentsOf(applied(file, writes.slice(0, -1), size)), wanted);
      const patched = applied(file, writes, size);
      assert.deepEqual(contentsOf(patched), wanted);
      // an old one knows nothing of the pages that came and went
      assert.equal(openDatabase(readAtOf(patched), size).meta.freelist, undefined);
      for (const meta of [0, 1] as const) {
        const torn = patched.slice();
        tear(torn, options.pageSize, meta);
        assert.deepEqual(contentsOf(torn), wanted, `with meta ${meta} torn`);
      }
      assert.ok(pages.every(({ offset }) => offset >= whole.length));
    }),
    { numRuns: 150 },
  );
});

test("patches of patches keep their contents and metas", () => {
  let buckets: Buckets = new Map([["key", rows(50, 17, 100)]]);
  let file = databaseOf(buckets, { pageSize: 4096 });
  for (let round = 1; round <= 20; round++) {
    const edits = {
      replace: new Map([["meta", rows(round, 4, 100)]]),
      append: new Map([["key", rows(round, 17, 100, 1000 * round)]]),
    };
    const { writes, size } = patchDatabase(readAtOf(file), file.length, edits);
    file = applied(file, writes, size);
    buckets = edited(buckets, edits);
    assert.deepEqual(contentsOf(file), expected(buckets));
    const { meta } = openDatabase(readAtOf(file), file.length);
    assert.equal(meta.txid, 2n + 2n * BigInt(round));
    assert.equal(meta.pages * meta.pageSize, size);
    assert.equal(meta.freelist, undefined);
  }
});

test("one row appended to a deep tree writes one page a level and touches no other bucket", () => {
  for (const fill of [0.5, 0.9, 1]) {
    const buckets = new Map([
      ["key", rows(5000, 40, 60)],
      ["lease", rows(300, 8, 40)],
    ]);
    const file = databaseOf(buckets, { pageSize: 1024, fill });
    const edits = { replace: new Map(), append: new Map([["key", rows(1, 40, 0, 5000)]]) };
    const { writes, size } = patchDatabase(readAtOf(file), file.length, edits);
    assert.deepEqual(contentsOf(applied(file, writes, size)), expected(edited(buckets, edits)));
    // Leaf, branches (up to two of a level that was full), root bucket, metas; 5000 rows are three levels of branches.
    assert.ok(writes.length <= 1 + 2 * 3 + 1 + 1 + 2, `${writes.length} writes`);
    assert.ok(writes.every(({ bytes }) => bytes.length === 1024));
  }
});

test("many rows appended at once make their own branches", () => {
  const buckets = new Map([["key", rows(700, 40, 60)]]);
  const file = databaseOf(buckets, { pageSize: 1024, fill: 1 });
  const edits = { replace: new Map(), append: new Map([["key", rows(9000, 40, 60, 700)]]) };
  const { writes, size } = patchDatabase(readAtOf(file), file.length, edits);
  const patched = applied(file, writes, size);
  assert.deepEqual(contentsOf(patched), expected(edited(buckets, edits)));
  const key = openDatabase(readAtOf(patched), patched.length).bucket("key")!;
  for (const { key: wanted, value } of edits.append.get("key")!)
    assert.deepEqual(key.get(wanted), value);
});

test("a replaced bucket changes between inline and tree", () => {
  const file = databaseOf(
    new Map([
      ["members", rows(2, 4, 10)],
      ["members_removed", rows(500, 4, 10)],
    ]),
    { pageSize: 4096 },
  );
  const replace = new Map([
    ["members", rows(500, 4, 10)],
    ["members_removed", []],
  ]);
  const { writes, size } = patchDatabase(readAtOf(file), file.length, { replace });
  assert.deepEqual(contentsOf(applied(file, writes, size)), expected(replace));
});

test("patchDatabase() refuses what bbolt would not have", () => {
  const file = databaseOf(
    new Map([
      ["key", rows(500, 4, 10)],
      ["meta", rows(2, 4, 10)],
    ]),
    { pageSize: 4096 },
  );
  const patch = (name: string, entries: Entry[], how: "replace" | "append"): unknown =>
    patchDatabase(readAtOf(file), file.length, {
      replace: new Map(),
      [how]: new Map([[name, entries]]),
    });
  for (const name of ["key", "meta"]) {
    const last = rows(1, 4, 10, name === "key" ? 499 : 1);
    assert.throws(() => patch(name, last, "append"), { code: "failed" });
    assert.throws(() => patch(name, rows(2, 4, 10).toReversed(), "replace"), { code: "failed" });
  }
  assert.throws(() => patch("", rows(1, 4, 10), "replace"), { code: "failed" });
});

test("bucket names that are not UTF-8 stay as they are", () => {
  const file = databaseOf(
    new Map([
      ["a\u{10ffff}", rows(2, 4, 10)],
      ["b", []],
    ]),
    { pageSize: 4096 },
  );
  const at = Buffer.from(file).indexOf("a\u{10ffff}");
  file.set([0xff, 0xfe], at + 1);
  const { writes, size } = patchDatabase(readAtOf(file), file.length, {
    replace: new Map([["b", rows(1, 4, 10)]]),
  });
  const patched = applied(file, writes, size);
  const names = [...openDatabase(readAtOf(patched), size).bucketNames()];
  assert.deepEqual(names[0], file.subarray(at, at + 5));
  assert.equal(compareBytes(names[1]!, Uint8Array.of(98)), 0);
});
