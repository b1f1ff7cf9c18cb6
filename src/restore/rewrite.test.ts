import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  anyBuckets,
  applied,
  contentsOf,
  databaseOf,
  readAtOf,
  rows,
  type Buckets,
} from "../../test/support/database.ts";
import { patchDatabase, type Edits } from "../format/bbolt/patch.ts";
import { openDatabase } from "../format/bbolt/reader.ts";
import type { PageWrite } from "../format/bbolt/writer.ts";
import { gathered, rewriteDatabase } from "./rewrite.ts";

const PAGE = 4096;

/** As it is now: the memory is used again. */
const kept = ({ offset, bytes }: PageWrite): PageWrite => ({ offset, bytes: bytes.slice() });

function rewritten(file: Uint8Array, edits: Edits): Uint8Array {
  const pages = rewriteDatabase(openDatabase(readAtOf(file), file.length), edits);
  const writes = Array.from(gathered(pages), kept);
  const size = Math.max(...writes.map(({ offset, bytes }) => offset + bytes.length));
  return applied(new Uint8Array(0), writes, size);
}

test("a database written anew holds what a patched one holds", () => {
  fc.assert(
    fc.property(anyBuckets(PAGE), (buckets) => {
      const file = databaseOf(buckets, { pageSize: PAGE });
      const edits: Edits = { replace: new Map([["members", rows(3, 16, 100)]]) };
      const { writes, size } = patchDatabase(readAtOf(file), file.length, edits);
      assert.deepEqual(contentsOf(rewritten(file, edits)), contentsOf(applied(file, writes, size)));
    }),
    { numRuns: 50 },
  );
});

test("free pages are gone, and a row can be appended", () => {
  const buckets: Buckets = new Map([["key", rows(3000, 17, 300)]]);
  const file = databaseOf(buckets, { pageSize: PAGE });
  const emptied: Edits = { replace: new Map([["key", rows(5, 17, 300)]]) };
  const { writes, size } = patchDatabase(readAtOf(file), file.length, emptied);
  const sparse = applied(file, writes, size);
  const append = new Map([["key", rows(1, 17, 0, 9)]]);
  const compact = rewritten(sparse, { replace: new Map(), append });
  assert.ok(compact.length < 20_000 && sparse.length > 900_000, `${compact.length}`);
  assert.equal(contentsOf(compact)["key"]!.length, 6);
});

test("writes that follow each other go together, and nothing else changes", () => {
  const write = (offset: number, length: number) => {
    return { offset, bytes: new Uint8Array(length).fill(offset % 251) };
  };
  const large = 5 << 20;
  const writes = [write(8, 4), write(12, 4), write(16, large), write(16 + large, 4), write(0, 8)];
  const size = 20 + large;
  const merged = Array.from(gathered(writes), kept);
  assert.deepEqual(
    merged.map(({ offset, bytes }) => [offset, bytes.length]),
    [
      [8, 8],
      [16, large],
      [16 + large, 4],
      [0, 8],
    ],
  );
  const empty = new Uint8Array(0);
  assert.ok(Buffer.compare(applied(empty, merged, size), applied(empty, writes, size)) === 0);
});
