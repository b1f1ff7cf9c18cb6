import assert from "node:assert/strict";
import { test } from "node:test";
import {
  branchChild,
  branchElementFits,
  branchKeySize,
  branchKeyStart,
  leafElementFits,
  leafFlags,
  leafKeySize,
  leafKeyStart,
  leafValueSize,
  pageCount,
  pageFlags,
  pageId,
  pageNumber,
  pageOverflow,
  putBranchElement,
  putLeafElement,
  putPageHeader,
  putPageNumber,
} from "./page.ts";

test("page headers and elements read back at any base", () => {
  const bytes = new Uint8Array(256);
  const base = 100;
  putPageHeader(bytes, base, { id: 2 ** 35 + 3, flags: 2, count: 0xfffe, overflow: 0xfffffffe });
  assert.equal(pageId(bytes, base), 2 ** 35 + 3);
  assert.equal(pageFlags(bytes, base), 2);
  assert.equal(pageCount(bytes, base), 0xfffe);
  assert.equal(pageOverflow(bytes, base), 0xfffffffe);

  putBranchElement(bytes, base, 1, { keyStart: 160, keySize: 7, child: 2 ** 40 });
  assert.equal(branchKeyStart(bytes, base, 1), 160);
  assert.equal(branchKeySize(bytes, base, 1), 7);
  assert.equal(branchChild(bytes, base, 1), 2 ** 40);

  putLeafElement(bytes, base, 2, { flags: 1, keyStart: 170, keySize: 9, valueSize: 11 });
  assert.equal(leafFlags(bytes, base, 2), 1);
  assert.equal(leafKeyStart(bytes, base, 2), 170);
  assert.equal(leafKeySize(bytes, base, 2), 9);
  assert.equal(leafValueSize(bytes, base, 2), 11);
});

test("page headers and elements have bbolt's layout", () => {
  const page = new Uint8Array(48);
  putPageHeader(page, 0, { id: 0x0102, flags: 2, count: 1, overflow: 3 });
  putLeafElement(page, 0, 0, { flags: 1, keyStart: 32, keySize: 4, valueSize: 5 });
  putBranchElement(page, 0, 1, { keyStart: 40, keySize: 6, child: 0x0a0b });
  assert.equal(
    Buffer.from(page).toString("hex"),
    "02010000000000000200010003000000" + // id, flags, count, overflow
      "01000000100000000400000005000000" + // flags, pos 16, key 4, value 5
      "08000000060000000b0a000000000000", // pos 8, key 6, child
  );
});

test("pageNumber() never takes a number past 2^53 for a small one", () => {
  const bytes = new Uint8Array(8);
  putPageNumber(bytes, 0, Number.MAX_SAFE_INTEGER);
  assert.equal(pageNumber(bytes, 0), Number.MAX_SAFE_INTEGER);
  for (let high = 0x20; high < 0x100; high++) {
    bytes.set([1, 0, 0, 0, 0, 0, high, 0]);
    assert.ok(pageNumber(bytes, 0) >= 2 ** 53);
  }
});

test("elements fit to the last byte of their run and not one further", () => {
  const bytes = new Uint8Array(64);
  putLeafElement(bytes, 0, 0, { flags: 0, keyStart: 40, keySize: 4, valueSize: 5 });
  assert.equal(leafElementFits(bytes, 0, 0, 49), true);
  assert.equal(leafElementFits(bytes, 0, 0, 48), false);
  assert.equal(leafElementFits(bytes, 0, 2, 63), false, "the element itself is cut");
  putLeafElement(bytes, 0, 0, {
    flags: 0,
    keyStart: 16 + 0xffffffff,
    keySize: 0xffffffff,
    valueSize: 0xffffffff,
  });
  assert.equal(leafElementFits(bytes, 0, 0, 64), false, "no 32-bit wrap-around");

  putBranchElement(bytes, 0, 0, { keyStart: 40, keySize: 9, child: 1 });
  assert.equal(branchElementFits(bytes, 0, 0, 49), true);
  assert.equal(branchElementFits(bytes, 0, 0, 48), false);
  assert.equal(branchElementFits(bytes, 0, 2, 63), false);
});
