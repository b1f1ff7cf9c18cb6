import assert from "node:assert/strict";
import { test } from "node:test";
import { HoldfastError } from "../errors.ts";
import { isKey, LONGEST_KEY, requireKey, requirePrefix } from "./key.ts";

const LEGAL = [
  "a",
  "A0",
  "a.b",
  "a-b_c.d/e",
  "prod/backups/20261124T070438Z-x.db.zst.age",
  "0/1/2",
];
const ILLEGAL = [
  "",
  "/",
  "a/",
  "/a",
  "a//b",
  ".",
  "..",
  "a/..",
  ".a",
  "a.",
  "-a",
  "a-",
  "a b",
  "ä",
];
ILLEGAL.push("a\0", "a\n", "a\\b", "a:b", "a%2f", "s".repeat(201), "a/".repeat(LONGEST_KEY) + "a");

test("keys", () => {
  for (const key of [...LEGAL, "s".repeat(200)]) assert.equal(isKey(key), true, key);
  for (const key of ILLEGAL) assert.equal(isKey(key), false, JSON.stringify(key));
  requireKey("a/b");
  assert.throws(() => requireKey("../etc"), { code: "object-key" });
});

test("prefixes are what a key can begin with", () => {
  for (const key of LEGAL)
    for (let length = 0; length <= key.length; length++) requirePrefix(key.slice(0, length));
  for (const prefix of ["/", "a//", "../", ".", "a/.", "a/../b", " ", "ä", "s".repeat(201)])
    assert.throws(() => requirePrefix(prefix), HoldfastError, JSON.stringify(prefix));
});

test("the longest hostile name is refused quickly", () => {
  assert.equal(isKey("a.".repeat(1 << 20)), false);
  assert.equal(isKey(`${"a-".repeat(99)}/`.repeat(3)), false);
});
