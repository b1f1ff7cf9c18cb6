/** Pages that are not in use: old, hostile, or parts of values. They are nobody's finding, hide nothing and cost little. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { backendOf, entries, leaseRecord, withTrailer } from "../../test/support/backend.ts";
import { databaseOf, readAtOf } from "../../test/support/database.ts";
import { contentsOfReport, reportOf } from "../../test/support/inspected.ts";
import { laidOut, putFakeLeaf, runsOf } from "../../test/support/layout.ts";
import type { FillFree } from "../../test/support/layout.ts";
import { random } from "../../test/support/random.ts";
import { emptyStore, encodeKeyValue, statusOf } from "../../test/support/store.ts";
import { encodeFreelist } from "../format/bbolt/freelist.ts";
import { encodeMeta, readMeta } from "../format/bbolt/meta.ts";
import {
  BRANCH,
  FREELIST,
  LEAF,
  pageFlags,
  putBranchElement,
  putPageHeader,
  putPageNumber,
} from "../format/bbolt/page.ts";
import { openDatabase } from "../format/bbolt/reader.ts";
import { concatBytes } from "../format/bytes.ts";
import { encodeRevision } from "../format/mvcc/revision.ts";
import { Scan } from "./scan.ts";

const SEED = Number(process.env["SEED"] ?? 5);
const PAGE = 4096;
/** Elements that fit the table of one page. */
const MOST = 254;

const store = emptyStore();
{
  const chance = random(SEED);
  for (let i = 0; i < 500; i++) store.put(`/live/${chance.between(0, 99)}`, chance.bytes(200), 9n);
}
const buckets = backendOf(store, {
  lease: [leaseRecord(9n)],
  // Too large to be inline: a tree of its own.
  authRoles: entries(
    ...Array.from(
      { length: 60 },
      (_, i) => [`role-${100 + i}`, new Uint8Array(0)] as [string, Uint8Array],
    ),
  ),
});
const live = databaseOf(buckets, { pageSize: PAGE });
const wanted = contentsOfReport(await reportOf(withTrailer(live)));

/** The live database with `count` free pages in front of each of its runs. */
function among(fill: FillFree, count: number): Uint8Array {
  return laidOut(
    live,
    runsOf(live).map((run) => ({ run, gap: count })),
    fill,
  );
}

async function assertUnseen(file: Uint8Array): Promise<void> {
  const report = await reportOf(withTrailer(file));
  assert.deepEqual(contentsOfReport(report), wanted);
  assert.equal(report.dbSizeInUse, live.length);
}

test("nine of ten pages with the rows of an older, larger tree count for nothing", async () => {
  const old = emptyStore();
  const chance = random(SEED + 1);
  for (let i = 0; i < 4000; i++)
    old.put(`/old/${i}`, chance.bytes(chance.between(0, 3000)), BigInt(chance.between(0, 3)));
  const before = databaseOf(backendOf(old, { lease: [leaseRecord(1n), leaseRecord(2n)] }), {
    pageSize: PAGE,
  });
  const heads = runsOf(before)
    .filter(({ pages }) => pages === 1)
    .map(({ page }) => page);
  const file = among((out, page) => {
    const from = chance.pick(heads) * PAGE;
    out.set(before.subarray(from, from + PAGE), page * PAGE);
    // Half of them are read as what they were, the others had another place.
    if (chance.between(0, 1) === 0) putPageNumber(out, page * PAGE, page);
  }, 10);
  assert.ok(live.length / file.length < 0.1);
  await assertUnseen(file);
});

/** `count` equal elements of `size` bytes, `step` apart, from byte `at` of the file on, as far as it reaches. */
function elementsFrom(at: number, end: number, size: number, step: number, count = MOST) {
  return Array.from({ length: count }, (_, i) => at + i * step)
    .filter((keyStart) => keyStart + size <= end)
    .map((keyStart) => ({
      keyStart,
      keySize: Math.min(17, size),
      valueSize: Math.max(0, size - 17),
    }));
}

const tableEnd = (page: number): number => page * PAGE + 16 + 16 * MOST;

/** A row every 40 bytes, each 5000 bytes long, with a key of 4000 bytes. */
const PATTERN = concatBytes([
  encodeRevision({ main: 77n, sub: 0n }),
  Uint8Array.of(0x0a, 0xa0, 0x1f),
  new Uint8Array(20).fill(0x61),
]);

const HOSTILE: Record<string, FillFree> = {
  "a run up to the last page": (file, page, pages) =>
    putFakeLeaf(
      file,
      PAGE,
      { id: page, overflow: pages - 1 - page },
      elementsFrom(tableEnd(page), pages * PAGE, 700, 700),
    ),
  "a run beyond the last page": (file, page) =>
    putFakeLeaf(file, PAGE, { id: page, overflow: 0xffffffff, count: 1 }, []),
  "elements in line over all pages behind": (file, page, pages) => {
    const size = Math.floor((pages * PAGE - tableEnd(page)) / MOST);
    putFakeLeaf(
      file,
      PAGE,
      { id: page, overflow: pages - 1 - page },
      elementsFrom(tableEnd(page), pages * PAGE, size, size),
    );
  },
  "elements that are all the same megabyte": (file, page, pages) => {
    const size = Math.min(1 << 20, pages * PAGE - tableEnd(page));
    putFakeLeaf(
      file,
      PAGE,
      { id: page, overflow: pages - 1 - page },
      elementsFrom(tableEnd(page), pages * PAGE, size, 0),
    );
  },
  "elements that overlap inside their page": (file, page) =>
    putFakeLeaf(
      file,
      PAGE,
      { id: page, overflow: 0 },
      elementsFrom(page * PAGE, (page + 1) * PAGE, 3000, 3),
    ),
  "elements in reverse order": (file, page) =>
    putFakeLeaf(
      file,
      PAGE,
      { id: page, overflow: 0 },
      elementsFrom(page * PAGE + 16, (page + 1) * PAGE, 8, 16).toReversed(),
    ),
  "tables that go on behind the page": (file, page, pages) =>
    putFakeLeaf(
      file,
      PAGE,
      {
        id: page,
        overflow: pages - 1 - page,
        count: Math.min(65534, ((pages - page) * PAGE) / 16 - 1),
      },
      [],
    ),
  "more elements than fit": (file, page) =>
    putFakeLeaf(file, PAGE, { id: page, overflow: 0, count: 65535 }, []),
  "rows with long keys that overlap": (file, page, pages) => {
    for (let at = page * PAGE; at + 40 <= (page + 1) * PAGE; at += 40) file.set(PATTERN, at);
    const start = page * PAGE;
    const elements = elementsFrom(start + 4080, pages * PAGE, 17 + 3 + 4000, 40, 100);
    putFakeLeaf(file, PAGE, { id: page, overflow: Math.min(9, pages - 1 - page) }, elements);
  },
  "a branch to every page": (file, page, pages) => {
    putPageHeader(file, page * PAGE, {
      id: page,
      flags: BRANCH,
      count: 200,
      overflow: Math.min(200, pages - 1 - page),
    });
    for (let i = 0; i < 200; i++)
      putBranchElement(file, page * PAGE, i, {
        keyStart: page * PAGE + 16,
        keySize: 30_000,
        child: i,
      });
  },
  "a freelist with everything on it": (file, page, pages) => {
    const ids = Array.from({ length: 500 }, (_, i) => i % pages);
    file.set(encodeFreelist(page, ids, PAGE).subarray(0, PAGE), page * PAGE);
  },
  "two kinds at once": (file, page) =>
    putPageHeader(file, page * PAGE, { id: page, flags: LEAF | FREELIST, count: 1, overflow: 0 }),
};

for (const [what, fill] of Object.entries(HOSTILE))
  test(`free pages with ${what} are never seen, by the thousand`, async () => {
    await assertUnseen(among(fill, 1));
    await assertUnseen(among(fill, 40));
  });

test("all of them together are never seen", async () => {
  const chance = random(SEED);
  const fills = Object.values(HOSTILE);
  await assertUnseen(among((file, page, pages) => chance.pick(fills)(file, page, pages), 30));
});

/** What it costs to read a file: bytes summed, elements recorded, different keys. */
function costOf(file: Uint8Array): { summed: number; elements: number; keys: number } {
  let summed = 0;
  const scan = new Scan(
    readMeta(readAtOf(file), file.length),
    (_bytes, _seed, from = 0, to = 0) => {
      summed += to - from;
      return 0;
    },
    1,
  );
  scan.read(file, 0);
  const { elements, branches, keys } = scan.candidates;
  return { summed, elements: elements.length + branches.length, keys: keys.length };
}

for (const [what, fill] of Object.entries(HOSTILE))
  test(`the cost of ${what} is linear`, () => {
    for (const count of [10, 40]) {
      const file = among(fill, count);
      const { summed, elements, keys } = costOf(file);
      assert.ok(summed < 6 * file.length, `${summed / file.length} of the file summed`);
      const free = 4 << 20; // of the budget
      assert.ok(
        elements <= (2 * file.length + free) / 16,
        `${elements} elements in ${file.length} bytes`,
      );
      assert.ok(keys * 4000 < 8 * file.length, `${keys} keys in ${file.length} bytes`);
    }
  });

test("a sound file is summed once", () => {
  const { summed } = costOf(live);
  assert.equal(summed, live.length);
});

test("a value may hold whole pages that say they are where they are", async () => {
  const chance = random(SEED);
  const mine = emptyStore();
  for (let i = 0; i < 40; i++)
    mine.put(`/live/${i % 7}`, chance.bytes(i % 10 === 0 ? 90_000 : 300));
  const file = databaseOf(backendOf(mine), { pageSize: PAGE });
  const pages = file.length / PAGE;
  const fakes = [
    ...Object.values(HOSTILE),
    (out: Uint8Array, page: number): void =>
      out.set(encodeMeta(0, { ...readMeta(readAtOf(file), file.length), txid: 99n }), page * PAGE),
    (out: Uint8Array, page: number): void => {
      const source = runsOf(file).filter(
        (run) => run.pages === 1 && pageFlags(file, run.page * PAGE) === LEAF,
      );
      out.set(file.slice(chance.pick(source).page * PAGE).subarray(0, PAGE), page * PAGE);
      putPageNumber(out, page * PAGE, page);
    },
  ];
  let faked = 0;
  for (const run of runsOf(file)) {
    // Overflow pages in the middle of a run hold nothing but a value.
    for (let page = run.page + 1; page < run.page + run.pages - 1; page++) {
      const own = file.slice(0, pages * PAGE);
      chance.pick(fakes)(own, page, pages);
      file.set(own.subarray(page * PAGE, (page + 1) * PAGE), page * PAGE);
      faked++;
    }
  }
  assert.ok(faked > 60);
  const report = await reportOf(withTrailer(file));
  assert.deepEqual(report.findings, []);
  const rows = [...openDatabase(readAtOf(file), file.length).bucket("key")!.entries()];
  const { totalSize: _, ...status } = report.status;
  assert.deepEqual(status, statusOf(backendOf(mine, { key: rows })));
  assert.deepEqual([report.rows, report.liveKeys], [40, 7]);
});

test("where hostile pages have used up the budget, a row with a long key is said not to be examined", async () => {
  const long = emptyStore();
  long.put("x".repeat(30_000), new Uint8Array(2 << 20)).put("short", "value");
  const file = databaseOf(backendOf(long), { pageSize: PAGE });
  assert.deepEqual((await reportOf(withTrailer(file))).findings, []);
  const { page: first, pages } = runsOf(file).find((run) => run.pages > 500)!;
  const row = concatBytes([
    encodeRevision({ main: 5n, sub: 0n }),
    encodeKeyValue({ key: new Uint8Array(4500) }),
  ]);
  for (let page = first + 10; page < first + pages - 2; page++) {
    const keyStart = page * PAGE + 100;
    file.set(row.subarray(0, 100), keyStart);
    const element = { keyStart, keySize: 17, valueSize: row.length - 17 };
    putFakeLeaf(file, PAGE, { id: page, overflow: 1 }, [element, element, element, element]);
  }
  const report = await reportOf(withTrailer(file));
  assert.deepEqual(
    report.findings.map(({ code, message }) => [code, message]),
    [["not-examined", "the key of revision 2 is longer than any that was examined"]],
  );
  const rows = [...openDatabase(readAtOf(file), file.length).bucket("key")!.entries()];
  assert.equal(report.status.hash, statusOf(backendOf(long, { key: rows })).hash);
});
