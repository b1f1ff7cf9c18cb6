/** Trees that are none: whatever the pages in use say, the walk ends, and costs no more than the pages there are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { withTrailer } from "../../test/support/backend.ts";
import { databaseOf, readAtOf } from "../../test/support/database.ts";
import { backendOf } from "../../test/support/backend.ts";
import { codesOf, reportOf } from "../../test/support/inspected.ts";
import { putMetas } from "../../test/support/layout.ts";
import { emptyStore } from "../../test/support/store.ts";
import { readMeta } from "../format/bbolt/meta.ts";
import {
  BRANCH,
  elementStart,
  LEAF,
  leafKeySize,
  leafKeyStart,
  putBranchElement,
  putLeafElement,
  putPageHeader,
  putPageNumber,
} from "../format/bbolt/page.ts";
import { putU32le } from "../format/bytes.ts";
import { encodeRevision } from "../format/mvcc/revision.ts";

const PAGE = 1024;
const small = databaseOf(backendOf(emptyStore().put("a", "x".repeat(900))), { pageSize: PAGE });

/** `pages` more pages behind a small database, the first of them the root of its key bucket. */
function grown(pages: number, fill: (file: Uint8Array, first: number) => void): Uint8Array {
  const first = small.length / PAGE;
  const out = new Uint8Array(small.length + pages * PAGE);
  out.set(small);
  putMetas(out, { pages: first + pages });
  const root = readMeta(readAtOf(small), small.length).root * PAGE;
  // Of the ten buckets, some in pages of their own, "key" is found by its name.
  for (const base of [root, ...[2, 3, 4, 5, 6].map((page) => page * PAGE)])
    for (let i = 0; i < 10; i++) {
      const at = leafKeyStart(out, base, i);
      const size = leafKeySize(out, base, i);
      if (size === 3 && Buffer.from(out.subarray(at, at + 3)).toString() === "key")
        putPageNumber(out, at + 3, first);
    }
  fill(out, first);
  return out;
}

/** @param mains of the revisions that are the keys; by default they begin with their children's pages */
function putBranch(
  file: Uint8Array,
  id: number,
  children: readonly number[],
  mains = children,
): void {
  const base = id * PAGE;
  putPageHeader(file, base, { id, flags: BRANCH, count: children.length, overflow: 0 });
  const keys = elementStart(base, children.length);
  for (const [i, child] of children.entries()) {
    const keyStart = keys + 17 * i;
    file.set(encodeRevision({ main: BigInt(mains[i]!), sub: 0n }), keyStart);
    putBranchElement(file, base, i, { keyStart, keySize: 17, child });
  }
}

function putLeaf(file: Uint8Array, id: number, overflow = 0): void {
  const base = id * PAGE;
  putPageHeader(file, base, { id, flags: LEAF, count: 1, overflow });
  const keyStart = elementStart(base, 1);
  file.set(encodeRevision({ main: BigInt(id), sub: 0n }), keyStart);
  putLeafElement(file, base, 0, { flags: 0, keyStart, keySize: 17, valueSize: 0 });
}

const errorsOf = async (file: Uint8Array): Promise<string[]> =>
  codesOf(await reportOf(withTrailer(file))).filter((code) => code.startsWith("error"));

test("a branch that is its own child, or its parent's", async () => {
  assert.deepEqual(await errorsOf(grown(1, (file, first) => putBranch(file, first, [first]))), [
    "error page-shared",
  ]);
  const circle = grown(3, (file, first) => {
    putBranch(file, first, [first + 1]);
    putBranch(file, first + 1, [first + 2]);
    putBranch(file, first + 2, [first]);
  });
  assert.ok((await errorsOf(circle)).includes("error page-shared"));
});

test("a branch below a branch, thousands deep", async () => {
  const depth = 20_000;
  const file = grown(depth, (out, first) => {
    for (let i = 0; i < depth - 1; i++) {
      putBranch(out, first + i, [first + i + 1]);
      // The same key all the way down: its child may begin with it.
      out.set(encodeRevision({ main: 1n, sub: 0n }), elementStart((first + i) * PAGE, 1));
    }
    putLeaf(out, first + depth - 1);
  });
  const report = await reportOf(withTrailer(file));
  assert.deepEqual(report.rows, 1);
  assert.ok(report.findings.every(({ severity }) => severity === "warning"));
});

test("leaves by the thousand that overlap to the end of the file", async () => {
  const pages = 60_000;
  const file = grown(pages, (out, first) => {
    const branches = Array.from({ length: 20 }, (_, i) => first + 1 + i);
    putBranch(out, first, branches);
    const end = first + pages;
    for (const [i, branch] of branches.entries()) {
      const leaves = Array.from({ length: 29 }, (_, j) => first + 21 + i * 29 + j);
      putBranch(out, branch, leaves);
      // All reach the page before the last, which the first of them has taken.
      for (const leaf of leaves) putLeaf(out, leaf, end - 2 - leaf);
    }
  });
  assert.ok((await errorsOf(file)).includes("error page-shared"));
});

test("a leaf's keys are below the branch element behind its own", async () => {
  const around = (second: number): Uint8Array =>
    grown(3, (file, first) => {
      putBranch(file, first, [first + 1, first + 2], [1, first + second]);
      putLeaf(file, first + 1);
      putLeaf(file, first + 2);
    });
  assert.deepEqual(await errorsOf(around(2)), []);
  assert.deepEqual(await errorsOf(around(1)), ["error key-order"]);
});

test("a branch's keys are between the elements around it, whatever is below them", async () => {
  const below = (inner: (first: number) => readonly [number, number]): Uint8Array =>
    grown(6, (file, first) => {
      putBranch(file, first, [first + 1, first + 2, first + 3], [1, first + 4, first + 100]);
      for (const leaf of [1, 3, 5]) putLeaf(file, first + leaf);
      file.set(
        encodeRevision({ main: BigInt(first + 100), sub: 0n }),
        elementStart((first + 3) * PAGE, 1),
      );
      // The second one has no element, and so nothing that is out of place itself.
      putPageHeader(file, (first + 4) * PAGE, {
        id: first + 4,
        flags: LEAF,
        count: 0,
        overflow: 0,
      });
      putBranch(file, first + 2, [first + 5, first + 4], inner(first));
    });
  assert.deepEqual(await errorsOf(below((first) => [first + 4, first + 50])), []);
  assert.deepEqual(await errorsOf(below((first) => [first + 3, first + 50])), ["error key-order"]);
  assert.deepEqual(await errorsOf(below((first) => [first + 4, first + 100])), ["error key-order"]);
});

test("two buckets may not share a page, nor a bucket and the root", async () => {
  const root = readMeta(readAtOf(small), small.length).root;
  const file = small.slice();
  const at = leafKeyStart(file, root * PAGE, 0) + leafKeySize(file, root * PAGE, 0);
  putPageNumber(file, at, root);
  assert.ok((await errorsOf(file)).includes("error page-shared"));
});

test("an inline bucket whose elements overlap is refused without reading them a thousand times", async () => {
  const file = databaseOf(backendOf(emptyStore()), { pageSize: 65536 });
  const root = readMeta(readAtOf(file), file.length).root * 65536;
  // The last bucket of the page may reach to its end.
  const value = leafKeyStart(file, root, 9) + leafKeySize(file, root, 9);
  const size = 60_000;
  putU32le(file, elementStart(root, 9) + 12, size);
  const image = value + 16;
  putPageHeader(file, image, { id: 0, flags: LEAF, count: 1000, overflow: 0 });
  for (let i = 0; i < 1000; i++)
    putLeafElement(file, image, i, {
      flags: 0,
      keyStart: image + 17_000,
      keySize: 1,
      valueSize: 40_000,
    });
  const report = await reportOf(withTrailer(file));
  assert.match(report.findings[0]!.message, /inline bucket "meta": its elements overlap/);
});
