import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  applied,
  type Buckets,
  contentsOf,
  databaseOf,
  readAtOf,
  rows,
} from "../../../test/support/database.ts";
import { HoldfastError } from "../../errors.ts";
import { putU32le } from "../bytes.ts";
import { encodeMeta, type Meta, readMeta } from "./meta.ts";
import {
  BRANCH,
  LEAF,
  MAX_ELEMENTS,
  putBranchElement,
  putLeafElement,
  putPageHeader,
  putPageNumber,
} from "./page.ts";
import { patchDatabase } from "./patch.ts";
import { openDatabase } from "./reader.ts";
import { writeMetas } from "./writer.ts";

const PAGE = 1024;

/** All that a reader can do with a file, counted; a value, or a HoldfastError of the kind promised. */
function exercise(file: Uint8Array): void {
  try {
    contentsOf(file);
    const database = openDatabase(readAtOf(file), file.length);
    for (const name of ["alarm", "key", "meta"]) {
      const bucket = database.bucket(name);
      bucket?.get(rows(1, 4, 0, 7)[0]!.key);
      bucket?.lastKey();
    }
    const edits = { replace: new Map([["meta", []]]), append: new Map([["key", [LAST]]]) };
    patchDatabase(readAtOf(file), file.length, edits);
  } catch (error) {
    const promised =
      error instanceof HoldfastError &&
      (error.code === "snapshot-damaged" || error.code === "failed");
    if (!promised) throw error;
  }
}

const LAST = { key: new Uint8Array(40).fill(0xff), value: new Uint8Array(1) };

/** Three levels, an overflow run and an inline bucket in a few pages. */
function smallDatabase(): Uint8Array<ArrayBuffer> {
  const buckets: Buckets = new Map([
    ["alarm", []],
    ["key", rows(12, 400, 60)],
    ["lease", rows(3, 8, 10)],
    ["meta", rows(2, 4, 1500)],
  ]);
  return databaseOf(buckets, { pageSize: PAGE, freelist: "persisted" });
}

test("every changed byte of a small database ends in a value or in a damaged snapshot", () => {
  const file = smallDatabase();
  for (let at = 0; at < file.length; at++) {
    const old = file[at]!;
    file[at] = old ^ [0xff, 0x01, 0x80][at % 3]!;
    exercise(file);
    file[at] = old;
  }
});

test("any 8 bytes at the start of up to four pages end in a value or in a damaged snapshot", () => {
  const file = smallDatabase();
  const page = fc.integer({ min: 2, max: file.length / PAGE - 1 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(page, fc.nat(56), fc.uint8Array({ minLength: 8, maxLength: 8 })), {
        minLength: 1,
        maxLength: 4,
      }),
      (changes) => {
        const changed = file.slice();
        for (const [id, at, bytes] of changes) changed.set(bytes, id * PAGE + at);
        exercise(changed);
      },
    ),
    { numRuns: 1000 },
  );
});

test("a file cut anywhere is damaged, and says what it should have", () => {
  const file = smallDatabase();
  for (let length = 0; length < file.length; length += 61) {
    assert.throws(() => openDatabase(readAtOf(file.subarray(0, length)), length), {
      code: "snapshot-damaged",
    });
  }
  assert.throws(
    () => openDatabase(readAtOf(file), file.length - 1),
    /it ends at offset \d+, wanted/,
  );
});

test("a file that ends earlier than its size said is damaged", () => {
  const buckets = new Map([["key", rows(12, 400, 60)]]);
  const file = databaseOf(buckets, { pageSize: PAGE });
  for (let length = 2 * PAGE; length < file.length; length += PAGE / 2) {
    const readAt = readAtOf(file.subarray(0, length));
    assert.throws(
      () => {
        const database = openDatabase(readAt, file.length);
        for (const name of database.bucketNames())
          for (const _ of database.bucket(Buffer.from(name).toString())!.entries());
      },
      { code: "snapshot-damaged" },
    );
  }
});

test("metas with any numbers in them end in a value or in a damaged snapshot", () => {
  const file = smallDatabase();
  const meta = readMeta(readAtOf(file), file.length);
  const number = fc.oneof(fc.nat(40), fc.constantFrom(2 ** 32, Number.MAX_SAFE_INTEGER));
  fc.assert(
    fc.property(
      fc.record({
        pageSize: fc.constantFrom(512, 1024, 4096),
        root: number,
        freelist: fc.option(number, { nil: undefined }),
        pages: number,
        txid: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      }),
      (numbers) => exercise(applied(file, writeMetas({ ...meta, ...numbers }), file.length)),
    ),
    { numRuns: 500 },
  );
});

/** A file of `pages` pages whose root bucket is page 2: `key` rooted at page 3; `fillPages` makes the rest. */
function hostile(pages: number, fillPages: (file: Uint8Array) => void): Uint8Array {
  const file = databaseOf(new Map([["key", []]]), { pageSize: PAGE });
  const value = new Uint8Array(16);
  putPageNumber(value, 0, 3);
  const out = new Uint8Array(pages * PAGE);
  out.set(file);
  putLeafElement(out, 2 * PAGE, 0, {
    flags: 1,
    keyStart: 2 * PAGE + 32,
    keySize: 3,
    valueSize: 16,
  });
  out.set(value, 2 * PAGE + 32 + 3);
  const meta: Meta = { ...readMeta(readAtOf(file), file.length), pages };
  out.set(encodeMeta(0, meta));
  out.set(encodeMeta(1, meta), PAGE);
  fillPages(out);
  return out;
}

function putBranch(file: Uint8Array, id: number, children: number[], overflow = 0): void {
  const base = id * PAGE;
  putPageHeader(file, base, { id, flags: BRANCH, count: children.length, overflow });
  for (const [i, child] of children.entries())
    putBranchElement(file, base, i, {
      keyStart: base + 16 * (children.length + 1),
      keySize: 0,
      child,
    });
}

function putLeaf(file: Uint8Array, id: number, count: number, overflow = 0): void {
  const base = id * PAGE;
  putPageHeader(file, base, { id, flags: LEAF, count, overflow });
  for (let i = 0; i < count && i < 50; i++)
    putLeafElement(file, base, i, { flags: 0, keyStart: base + 1000, keySize: 4, valueSize: 0 });
}

/** What reading the bucket `key` to its end throws. */
function keyFails(file: Uint8Array, message: RegExp): void {
  assert.throws(
    () => {
      const bucket = openDatabase(readAtOf(file), file.length).bucket("key")!;
      for (const _ of bucket.entries());
    },
    (error: HoldfastError) => {
      assert.equal(error.code, "snapshot-damaged");
      assert.match(error.message, message);
      return true;
    },
  );
}

for (const [what, message, fillPages] of [
  [
    "a branch that is its own child",
    /page 3 at offset 3072: (pages are referenced more than once|more than 64 levels)/,
    (file) => putBranch(file, 3, [3]),
  ],
  [
    "a branch with the same leaf many times",
    /page 4 at offset 4096: pages are referenced more than once/,
    (file) => {
      putBranch(
        file,
        3,
        Array.from({ length: 60 }, () => 4),
      );
      putLeaf(file, 4, 1);
    },
  ],
  [
    "a child outside the file",
    /page 9999 at offset 10238976: .*outside/,
    (file) => putBranch(file, 3, [9999]),
  ],
  ["a child that is a meta", /page 1 at offset 1024: .*outside/, (file) => putBranch(file, 3, [1])],
  [
    "a branch without elements",
    /page 3 at offset 3072: a branch has no elements/,
    (file) => putBranch(file, 3, []),
  ],
  [
    "a run past the end",
    /page 3 at offset 3072: its 5 overflow pages go past page 7/,
    (file) => putLeaf(file, 3, 1, 5),
  ],
  [
    "another page's id",
    /page 3 at offset 3072: found id 4, wanted 3/,
    (file) => file.set(Uint8Array.of(4), 3 * PAGE),
  ],
  [
    "two kinds at once",
    /found flags 0x3, wanted/,
    (file) => putPageHeader(file, 3 * PAGE, { id: 3, flags: 3, count: 0, overflow: 0 }),
  ],
  [
    "elements past the page",
    /element 63 of 65534 goes past/,
    (file) => putLeaf(file, 3, MAX_ELEMENTS),
  ],
  [
    "a key past the page",
    /element 0 of 1 goes past/,
    (file) => {
      putLeaf(file, 3, 1);
      putU32le(file, 3 * PAGE + 16 + 8, 0xffffffff);
    },
  ],
] as [string, RegExp, (file: Uint8Array) => void][]) {
  test(`the reader names page and offset of ${what}`, () => {
    keyFails(
      hostile(8, (file) => {
        putPageHeader(file, 3 * PAGE, { id: 3, flags: LEAF, count: 0, overflow: 0 });
        fillPages(file);
      }),
      message,
    );
  });
}

test("overlapping runs cost no more than reading the file a few times", () => {
  const pages = 1000;
  const file = hostile(pages, (out) => {
    const leaves = Array.from({ length: pages - 40 }, (_, i) => i + 40);
    putBranch(out, 3, leaves, 30);
    for (const id of leaves) putLeaf(out, id, 0, pages - 1 - id);
  });
  let read = 0;
  const counted = (offset: number, length: number): Uint8Array => {
    read += length;
    return file.subarray(offset, offset + length);
  };
  const bucket = openDatabase(counted, file.length).bucket("key")!;
  assert.throws(() => [...bucket.entries()], /referenced more than once/);
  assert.throws(() => bucket.lastKey(), /referenced more than once/);
  assert.ok(read < 5 * file.length, `${read} bytes read of ${file.length}`);
});

test("empty leaves inside a tree are passed over in both directions", () => {
  const file = hostile(8, (out) => {
    putBranch(out, 3, [4, 5, 6, 7]);
    for (const [id, count] of [4, 5, 6, 7].map((page) => [page, page === 5 ? 2 : 0] as const))
      putLeaf(out, id, count);
    out.set([1, 2, 3, 4], 5 * PAGE + 1000);
  });
  const bucket = openDatabase(readAtOf(file), file.length).bucket("key")!;
  assert.equal([...bucket.entries()].length, 2);
  assert.deepEqual(bucket.lastKey(), Uint8Array.of(1, 2, 3, 4));
});

test("a hostile root bucket and inline bucket are damaged, not a crash", () => {
  const file = databaseOf(new Map([["key", rows(2, 4, 10)]]), { pageSize: PAGE });
  const element = 2 * PAGE + 16;
  for (const [valueSize, message] of [
    [15, /page 2 at offset 2048: a bucket has 15 bytes/],
    [31, /page 2 at offset 2048: an inline bucket has 31 bytes/],
    [32, /page 2 at offset 2048: element 0 of 2 goes past/],
  ] as [number, RegExp][]) {
    const cut = file.slice();
    putU32le(cut, element + 12, valueSize);
    assert.throws(() => openDatabase(readAtOf(cut), cut.length).bucket("key"), message);
  }
  const branch = file.slice();
  branch[2 * PAGE + 32 + 3 + 16 + 8] = BRANCH;
  assert.throws(
    () => openDatabase(readAtOf(branch), branch.length).bucket("key"),
    /flags 0x1, wanted/,
  );
});
