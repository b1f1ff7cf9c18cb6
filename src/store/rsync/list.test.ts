import assert from "node:assert/strict";
import { test } from "node:test";
import { parseList } from "./list.ts";

test("entries are read, whatever else is printed", () => {
  const text = [
    "welcome to the server",
    "",
    "drwx------             80 2026/11/24 08:00:00 .",
    "-rw-------      1,234,567 2026/11/24 08:00:01 with separators",
    "-rw-------  5368709120000 2026/11/24 08:00:02 a/large object",
    "lrwxrwxrwx             11 2026/11/24 08:00:03 link -> somewhere",
    "-rw-rw-r--+             7 1970/01/01 00:00:01 acl",
  ].join("\n");
  assert.deepEqual(parseList(text), [
    { path: ".", isFile: false, size: 80, modifiedMs: Date.parse("2026-11-24T08:00:00Z") },
    {
      path: "a/large object",
      isFile: true,
      size: 5_368_709_120_000,
      modifiedMs: Date.parse("2026-11-24T08:00:02Z"),
    },
    {
      path: "link -> somewhere",
      isFile: false,
      size: 11,
      modifiedMs: Date.parse("2026-11-24T08:00:03Z"),
    },
    { path: "acl", isFile: true, size: 7, modifiedMs: 1000 },
  ]);
});
