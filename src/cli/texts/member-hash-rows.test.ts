import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberHash } from "../../backup/member-hashes.ts";
import { HoldfastError } from "../../errors.ts";
import { printableMemberHashes } from "./member-hash-rows.ts";
import { writeOut } from "./write-out.ts";

const ROWS: readonly MemberHash[] = [
  {
    endpoint: "https://10.0.0.1:2379",
    memberId: 0x8e9e05c52164694dn,
    name: "m1",
    isLearner: false,
    answer: { hash: 1302061865, revision: 35n, compactRevision: 31n },
  },
  {
    endpoint: "",
    memberId: 0x1fn,
    name: "",
    isLearner: true,
    answer: new HoldfastError("connection-failed", "member 1f has not started yet"),
  },
];

test("one row per member, a dash for what nobody answered", () => {
  const result = printableMemberHashes(ROWS);
  assert.equal(
    writeOut(result, "simple", "ascii"),
    "https://10.0.0.1:2379, 1302061865, 35, 31, m1\n-, -, -, -, 1f\n",
  );
  assert.equal(
    writeOut(result, "table", "ascii"),
    `+-----------------------+------------+---------------+------------------+--------+
|       ENDPOINT        |    HASH    | HASH REVISION | COMPACT REVISION | MEMBER |
+-----------------------+------------+---------------+------------------+--------+
| https://10.0.0.1:2379 | 1302061865 |            35 |               31 |     m1 |
|                     - |          - |             - |                - |     1f |
+-----------------------+------------+---------------+------------------+--------+
`,
  );
  assert.equal(
    writeOut(result, "fields", "ascii"),
    `"Endpoint" : "https://10.0.0.1:2379"
"Hash" : 1302061865
"Hash revision" : 35
"Compact revision" : 31
"Member" : "m1"

"Endpoint" : "-"
"Hash" : -
"Hash revision" : -
"Compact revision" : -
"Member" : "1f"
`,
  );
  assert.deepEqual(JSON.parse(writeOut(result, "json", "ascii")), [
    {
      endpoint: "https://10.0.0.1:2379",
      memberId: "8e9e05c52164694d",
      name: "m1",
      isLearner: false,
      hash: 1302061865,
      hashRevision: 35,
      compactRevision: 31,
    },
    {
      endpoint: "",
      memberId: "1f",
      name: "",
      isLearner: true,
      error: "member 1f has not started yet",
    },
  ]);
});
