import assert from "node:assert/strict";
import { test } from "node:test";
import { putU32le, u64le } from "../bytes.ts";
import { decodeMeta, encodeMeta, type Meta, newerMeta, readMeta } from "./meta.ts";

/** From real snapshots: page size 4096, sequence 0, freelist not persisted, high-water mark 25. */
const VECTORS = [
  { root: 12, txid: 23n, checksum: 0x4c93445310ca5911n },
  { root: 10, txid: 22n, checksum: 0x45fb2cbaeaf272b6n },
  { root: 10, txid: 21n, checksum: 0x270065b1e0032895n },
];

function metaOf(some: Partial<Meta>): Meta {
  return {
    pageSize: 4096,
    root: 10,
    sequence: 0n,
    freelist: undefined,
    pages: 25,
    txid: 2n,
    ...some,
  };
}

function reader(bytes: Uint8Array): [(offset: number, length: number) => Uint8Array, number] {
  return [(offset, length) => bytes.subarray(offset, offset + length), bytes.length];
}

/** A file of `pages` pages with the given meta pages. */
function fileOf(pageSize: number, first: Meta, second: Meta): Uint8Array {
  const file = new Uint8Array(4 * pageSize);
  file.set(encodeMeta(0, first), 0);
  file.set(encodeMeta(1, second), pageSize);
  return file;
}

test("encodeMeta() has the checksums of real snapshots", () => {
  for (const { root, txid, checksum } of VECTORS) {
    const page = encodeMeta(0, metaOf({ root, txid }));
    assert.equal(u64le(page, 72), checksum);
  }
});

test("decodeMeta() returns what encodeMeta() was given, and nothing after any flipped bit", () => {
  const meta = metaOf({ freelist: 7, sequence: 3n, pages: 2 ** 40, txid: 2n ** 60n });
  const page = encodeMeta(1, meta);
  assert.deepEqual(decodeMeta(page, 0), meta);
  for (let bit = 16 * 8; bit < 80 * 8; bit++) {
    const flipped = page.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(typeof decodeMeta(flipped, 0), "string", `bit ${bit}`);
  }
  for (let length = 0; length < 80; length++)
    assert.equal(typeof decodeMeta(page.subarray(0, length), 0), "string", `length ${length}`);
});

test("decodeMeta() says that a big-endian file is one", () => {
  const page = encodeMeta(0, metaOf({}));
  page.subarray(16, 20).reverse();
  assert.match(decodeMeta(page, 0) as string, /big endian/);
});

test("decodeMeta() refuses page sizes that are no power of two, checksum or not", () => {
  for (const pageSize of [0, 512, 4095, 4097, 12288, 2 ** 25])
    assert.match(decodeMeta(encodedAs(pageSize), 0) as string, /page size/);
});

/** A meta page with a valid checksum over a page size that encodeMeta() would never be asked for. */
function encodedAs(pageSize: number): Uint8Array {
  const page = encodeMeta(0, metaOf({ pageSize: Math.max(pageSize, 4096) }));
  if (pageSize >= 4096) return page;
  putU32le(page, 24, pageSize);
  const stored = /wanted 0x([0-9a-f]+)/.exec(decodeMeta(page, 0) as string)![1]!;
  new DataView(page.buffer).setBigUint64(72, BigInt(`0x${stored}`), true);
  return page;
}

test("newerMeta() takes the higher transaction id among the valid, the first on a tie", () => {
  const old = metaOf({ txid: 5n });
  const young = metaOf({ txid: 6n });
  assert.equal(newerMeta(old, young), young);
  assert.equal(newerMeta(young, old), young);
  assert.equal(newerMeta(old, metaOf({ txid: 5n })), old);
  assert.equal(newerMeta("broken", old), old);
  assert.equal(newerMeta(old, "broken"), old);
  assert.equal(newerMeta("broken", "broken"), undefined);
});

test("readMeta() finds the meta that counts at every page size, with either one broken", () => {
  for (const pageSize of [1024, 4096, 16384, 65536, 1024 << 14]) {
    const old = metaOf({ pageSize, txid: 5n });
    const young = metaOf({ pageSize, txid: 6n, root: 11 });
    const file = fileOf(pageSize, young, old);
    assert.deepEqual(readMeta(...reader(file)), young);
    file[40]! ^= 1;
    assert.deepEqual(readMeta(...reader(file)), old, "meta 0 broken");
    file[40]! ^= 1;
    file[pageSize + 40]! ^= 1;
    assert.deepEqual(readMeta(...reader(file)), young, "meta 1 broken");
    file[40]! ^= 1;
    assert.throws(() => readMeta(...reader(file)), { code: "snapshot-damaged" });
  }
});

test("readMeta() does not mistake the image of another file's meta for this file's", () => {
  const file = fileOf(16384, metaOf({ pageSize: 16384 }), metaOf({ pageSize: 16384, txid: 1n }));
  file.set(encodeMeta(1, metaOf({ pageSize: 4096, txid: 99n })).subarray(0, 80), 8192);
  file[40]! ^= 1;
  assert.equal(readMeta(...reader(file)).txid, 1n);
});

test("readMeta() of a file cut anywhere in its metas throws or finds the whole one", () => {
  const file = fileOf(4096, metaOf({ txid: 5n }), metaOf({ txid: 6n }));
  for (let length = 0; length < 4096 + 80; length += 13) {
    const read = (): Meta => readMeta(...reader(file.subarray(0, length)));
    if (length < 80) assert.throws(read, { code: "snapshot-damaged" });
    else assert.equal(read().txid, 5n);
  }
});
