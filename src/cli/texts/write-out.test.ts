import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { printableHashKV, printableStatus, tableLines, writeOut } from "./write-out.ts";

// Output of etcdutl 3.6.16 and 3.7.3 for one snapshot.
const STATUS = printableStatus({
  hash: 0x3a3b6c76,
  revision: 35n,
  totalKey: 18,
  totalSize: 98304,
  version: "3.6.0",
});
const HASH = printableHashKV({ hash: 1302061865, revision: 35n, compactRevision: 31n });

test("snapshot status in every mode", () => {
  assert.equal(writeOut(STATUS, "simple", "ascii"), "3a3b6c76, 35, 18, 98 kB, 3.6.0\n");
  assert.equal(
    writeOut(STATUS, "json", "ascii"),
    '{"hash":976972918,"revision":35,"totalKey":18,"totalSize":98304,"version":"3.6.0"}\n',
  );
  assert.equal(
    writeOut(STATUS, "fields", "ascii"),
    '"Hash" : 976972918\n"Revision" : 35\n"Keys" : 18\n"Size" : 98304\n"Version" : 3.6.0\n',
  );
  assert.equal(
    writeOut(STATUS, "table", "ascii"),
    `+----------+----------+------------+------------+---------+
|   HASH   | REVISION | TOTAL KEYS | TOTAL SIZE | VERSION |
+----------+----------+------------+------------+---------+
| 3a3b6c76 |       35 |         18 |      98 kB |   3.6.0 |
+----------+----------+------------+------------+---------+
`,
  );
  assert.equal(
    writeOut(STATUS, "table", "box"),
    `┌──────────┬──────────┬────────────┬────────────┬─────────┐
│   HASH   │ REVISION │ TOTAL KEYS │ TOTAL SIZE │ VERSION │
├──────────┼──────────┼────────────┼────────────┼─────────┤
│ 3a3b6c76 │       35 │         18 │      98 kB │   3.6.0 │
└──────────┴──────────┴────────────┴────────────┴─────────┘
`,
  );
});

test("snapshot status without a storage version keeps the empty field", () => {
  const old = printableStatus({
    hash: 0xbdfe385,
    revision: 0n,
    totalKey: 0,
    totalSize: 20480,
    version: "",
  });
  assert.equal(writeOut(old, "simple", "ascii"), "bdfe385, 0, 0, 20 kB, \n");
  assert.match(writeOut(old, "fields", "ascii"), /"Version" : \n$/);
  assert.match(
    writeOut(old, "table", "ascii"),
    /\n\|  HASH   \|.*\n.*\n\| bdfe385 \|.*\|         \|\n/,
  );
});

test("hashkv in every mode", () => {
  assert.equal(writeOut(HASH, "simple", "ascii"), "1302061865, 35, 31\n");
  assert.equal(
    writeOut(HASH, "json", "ascii"),
    '{"hash":1302061865,"hashRevision":35,"compactRevision":31}\n',
  );
  assert.equal(
    writeOut(HASH, "fields", "ascii"),
    '"Hash" : 1302061865\n"Hash revision" : 35\n"Compact revision" : 31\n',
  );
});

function lines(isTTY: boolean, env: Record<string, string>): string {
  return tableLines({ stdout: Object.assign(new PassThrough(), { isTTY }), env });
}

test("box lines are for terminals that know UTF-8", () => {
  assert.equal(lines(true, { LANG: "en_US.UTF-8" }), "box");
  assert.equal(lines(true, { LANG: "en_US.UTF-8", LC_ALL: "C" }), "ascii");
  assert.equal(lines(true, {}), "ascii");
  assert.equal(lines(false, { LANG: "en_US.UTF-8" }), "ascii");
});
