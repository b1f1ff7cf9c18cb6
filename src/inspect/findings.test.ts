/** Every finding: what provokes it, and what comes near and does not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { entries } from "../../test/support/backend.ts";
import { asIs, changed, holding } from "../../test/support/finding-case.ts";
import { codesOf, inspected, reportOf } from "../../test/support/inspected.ts";
import { leaf, PAGE_CASES, secondLeaf } from "../../test/support/page-findings.ts";
import { put, row, ROW_CASES, rows } from "../../test/support/row-findings.ts";
import { leafKeyStart, putPageNumber } from "../format/bbolt/page.ts";
import { concatBytes, textBytes } from "../format/bytes.ts";
import { bytesField } from "../format/protobuf.ts";
import { FINDINGS } from "./finding-codes.ts";
import type { FindingCode } from "./finding-codes.ts";

const CASES = { ...PAGE_CASES, ...ROW_CASES };

for (const [code, { provoke, near }] of Object.entries(CASES)) {
  test(`${code} is found, and only where it is`, async () => {
    for (const [i, { bytes, options, severity }] of provoke.entries()) {
      const wanted = severity ?? FINDINGS[code as FindingCode].severity;
      const codes = codesOf(await reportOf(bytes, options));
      assert.ok(codes.includes(`${wanted} ${code}`), `case ${i} has ${codes.join(", ")}`);
    }
    for (const [i, { bytes, options }] of near.entries()) {
      const codes = codesOf(await reportOf(bytes, options));
      assert.ok(
        !codes.some((one) => one.endsWith(` ${code}`)),
        `near miss ${i} has ${codes.join(", ")}`,
      );
    }
  });
}

test("every finding of the table has its cases here, and says what it means in a sentence", () => {
  assert.deepEqual(
    [...Object.keys(CASES), "file-in-use"].toSorted(),
    Object.keys(FINDINGS).toSorted(),
  );
  for (const [code, { meaning }] of Object.entries(FINDINGS)) {
    assert.match(code, /^[a-z]+(-[a-z]+)*$/);
    assert.match(meaning, /^[A-Z].*\.$/, code);
  }
});

test("findings say page, offset, bucket and key", async () => {
  const [wrongId] = (await reportOf(changed((f) => putPageNumber(f, leaf, 99)).bytes)).findings;
  assert.deepEqual(wrongId!.where, { page: leaf / 4096, offset: leaf, bucket: "key" });
  assert.match(wrongId!.message, /^page 2 \(referenced by page \d+\): its header says page 99$/);
  const [order] = (
    await reportOf(changed((f) => (f[leafKeyStart(f, secondLeaf, 0) + 7]! -= 1)).bytes)
  ).findings;
  assert.equal(order!.where.page, secondLeaf / 4096);
  assert.match(order!.where.key!, /^[0-9a-f]{16}5f0{16}$/);
  const [value] = (await reportOf(rows(row(put(402n).key, textBytes("no message"))).bytes))
    .findings;
  assert.deepEqual(
    [value!.where.bucket, value!.where.key],
    ["key", "00000000000001925f0000000000000000"],
  );
});

test("twenty findings of a code are listed, the others are counted; errors come first", async () => {
  const gaps = Array.from({ length: 50 }, (_, i) =>
    put(500n + 2n * BigInt(i), { key: `gap-${i}` }),
  );
  const report = await reportOf(rows(...gaps, row(textBytes("zzz"))).bytes);
  const listed = report.findings.filter(({ code }) => code === "revision-gap");
  assert.equal(listed.length, 21);
  assert.equal(listed.at(-1)!.message, "and 30 more");
  assert.equal(report.findings[0]!.code, "row-key");
});

test("an error behind many warnings of its code is an error", async () => {
  const reader = concatBytes([bytesField(1, textBytes("u")), bytesField(3, textBytes("used"))]);
  const unused = Array.from({ length: 30 }, (_, i): [string, string] => [
    `r${10 + i}`,
    "no message",
  ]);
  const damaged = holding({
    authUsers: entries(["u", reader]),
    authRoles: entries(...unused, ["used", "no message"]),
  });
  const { findings } = await reportOf(damaged.bytes);
  assert.deepEqual(
    [findings[0], findings.at(-1)].map((one) => `${one!.severity} ${one!.message}`),
    ['error the role "used" cannot be read: its value is no Role message', "warning and 10 more"],
  );
});

test("a row that cannot be read has no name, also where no other can be read either", async () => {
  const only = holding({ key: [row(put(5n).key, textBytes("no message"))] });
  assert.deepEqual(
    (await reportOf(only.bytes)).findings.map(({ message }) => message),
    [
      "the value of revision 5 is no KeyValue: a server would not start",
      "revision 5: wanted revision 2 change 0 here",
    ],
  );
});

test("damage in the rows does not stop the hashes of the rest", async () => {
  const { report, hashKV } = await inspected(rows(row(textBytes("zzz"))).bytes);
  assert.deepEqual([report.rows, report.liveKeys, report.revision], [400, 90, 401n]);
  const soundHash = (await inspected(asIs.bytes)).hashKV(300n);
  assert.deepEqual(hashKV(300n), soundHash);
});
