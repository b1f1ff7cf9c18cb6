import assert from "node:assert/strict";
import { test } from "node:test";
import { readAtOf } from "../../../test/support/database.ts";
import { backendOf, rowsOf, type Change } from "../../../test/support/small-snapshot.ts";
import { openDatabase, type Database, type Entry } from "../bbolt/reader.ts";
import { bytesText, textBytes } from "../bytes.ts";
import { encodeRevision } from "./revision.ts";
import { readKeys, readRows, readSpan } from "./rows.ts";

const TRANSACTIONS: Change[][] = [
  [
    { key: "b", value: "b2" },
    { key: "a", value: "a2" },
  ],
  [{ key: "b", value: "b3", lease: -2n }],
  [{ key: "a" }],
  [{ key: "a", value: "a5" }],
  [{ key: "b" }],
];

function open(rows: Entry[], meta: Entry[] = []): Database {
  const file = backendOf(rows, { meta });
  return openDatabase(readAtOf(file), file.length);
}

const mark = (name: string, main: bigint): Entry => ({
  key: textBytes(name),
  value: encodeRevision({ main, sub: 0n }),
});

const keysAt = (database: Database, revision: bigint): string[] =>
  Array.from(
    readKeys(database, revision),
    ({ key, value }) => `${bytesText(key)}=${bytesText(value)}`,
  );

const damaged = (message: RegExp) => ({ code: "snapshot-damaged", message });

test("readRows() gives every change in revision order, with its history", () => {
  const rows = [...readRows(open(rowsOf(TRANSACTIONS)))];
  assert.deepEqual(
    rows.map(({ revision, tombstone, key, value, createRevision, version, lease }) => [
      `${revision.main}.${revision.sub}`,
      `${tombstone ? "-" : "+"}${bytesText(key)}`,
      bytesText(value),
      createRevision,
      version,
      lease,
    ]),
    [
      ["2.0", "+b", "b2", 2n, 1n, 0n],
      ["2.1", "+a", "a2", 2n, 1n, 0n],
      ["3.0", "+b", "b3", 2n, 2n, -2n],
      ["4.0", "-a", "", 0n, 0n, 0n],
      ["5.0", "+a", "a5", 5n, 1n, 0n],
      ["6.0", "-b", "", 0n, 0n, 0n],
    ],
  );
});

test("readRows() begins at any revision, also at none that exists", () => {
  const database = open(rowsOf(TRANSACTIONS));
  const from = (revision: bigint) =>
    Array.from(readRows(database, revision), ({ revision: { main } }) => main);
  assert.deepEqual(from(5n), [5n, 6n]);
  assert.deepEqual(from(2n), from(-1n));
  assert.equal(from(2n).length, 6);
  assert.deepEqual(from(7n), []);
  assert.deepEqual(from(1n << 64n), []);
});

test("readKeys() gives what was there at each revision, in the order of bytes", () => {
  const database = open(rowsOf(TRANSACTIONS));
  assert.deepEqual(keysAt(database, 1n), []);
  assert.deepEqual(keysAt(database, 2n), ["a=a2", "b=b2"]);
  assert.deepEqual(keysAt(database, 3n), ["a=a2", "b=b3"]);
  assert.deepEqual(keysAt(database, 4n), ["b=b3"]);
  assert.deepEqual(keysAt(database, 5n), ["a=a5", "b=b3"]);
  assert.deepEqual(keysAt(database, 6n), ["a=a5"]);
});

test("readKeys() answers from the compaction to the head, as a server does", () => {
  const compacted = open(rowsOf(TRANSACTIONS), [mark("finishedCompactRev", 3n)]);
  assert.deepEqual(keysAt(compacted, 3n), ["a=a2", "b=b3"]);
  assert.throws(() => readKeys(compacted, 2n), { code: "revision-compacted" });
  assert.throws(() => readKeys(compacted, 7n), { code: "revision-in-future" });
  assert.deepEqual([...readKeys(open([]))], []);
});

test("readKeys() sorts by bytes, tells all bytes apart and takes keys of any length", () => {
  const names = ["\u00ff", "z", "a\u0000", "a", "\u{10000}", "\uffff", "k".repeat(30_000)];
  const database = open(rowsOf(names.map((key) => [{ key, value: "v" }])));
  const found = Array.from(readKeys(database), ({ key }) => key);
  const wanted = names.map((name) => Buffer.from(name)).toSorted(Buffer.compare);
  assert.deepEqual(
    found.map((key) => Buffer.from(key)),
    wanted,
  );
});

test("readKeys() leaves out the row that a revision bump adds", () => {
  const bumped = { key: encodeRevision({ main: 1000n, sub: 0n }), value: new Uint8Array(0) };
  const marks = [mark("scheduledCompactRev", 1000n)];
  const database = open([...rowsOf(TRANSACTIONS), bumped], marks);
  assert.deepEqual(keysAt(database, 1000n), ["a=a5"]);
  assert.deepEqual(readSpan(database), { revision: 1000n, compactRevision: 1000n });
});

test("readSpan() takes the highest of rows and compaction marks", () => {
  const rows = rowsOf(TRANSACTIONS);
  assert.deepEqual(readSpan(open([])), { revision: 1n, compactRevision: -1n });
  assert.deepEqual(readSpan(open(rows)), { revision: 6n, compactRevision: -1n });
  const finished = mark("finishedCompactRev", 3n);
  assert.deepEqual(readSpan(open(rows, [finished])), { revision: 6n, compactRevision: 3n });
  const both = [finished, mark("scheduledCompactRev", 9n)];
  assert.deepEqual(readSpan(open(rows, both)), { revision: 9n, compactRevision: 9n });
});

test("rows that cannot be read are refused with their key", () => {
  const noRevision = open([{ key: textBytes("x"), value: textBytes("") }]);
  const message = damaged(/^cannot read row 78: its key has 1 bytes, wanted 17 or 18$/);
  assert.throws(() => readSpan(noRevision), message);
  assert.throws(() => [...readRows(noRevision)], message);
  assert.throws(() => readKeys(noRevision), message);
  const key = encodeRevision({ main: 2n, sub: 0n });
  const noValue = open([{ key, value: Uint8Array.of(0x0a, 0x7f) }]);
  assert.throws(() => [...readRows(noValue)], damaged(/^cannot read row 0{15}25f0{16}: .*offset/));
  const badMark = open([], [{ key: textBytes("scheduledCompactRev"), value: textBytes("?") }]);
  assert.throws(() => readSpan(badMark), damaged(/meta\/scheduledCompactRev: found 1 bytes/));
});

test("a row whose key has another eighteenth byte counts as a put, as servers read it", () => {
  const key = new Uint8Array(18);
  key.set(encodeRevision({ main: 2n, sub: 0n }));
  key[17] = 0x78;
  const [put] = rowsOf([[{ key: "a", value: "v" }]]);
  assert.deepEqual(keysAt(open([{ key, value: put!.value }]), 2n), ["a=v"]);
});
