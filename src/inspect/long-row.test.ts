/** Rows longer than what is read in one piece, as a server with a raised limit stores them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { backendOf, leaseRecord, snapshotOf } from "../../test/support/backend.ts";
import { inspected, sourceOf } from "../../test/support/inspected.ts";
import { emptyStore, hashOfRows, statusOf } from "../../test/support/store.ts";
import { textBytes } from "../format/bytes.ts";
import { inspectStream } from "./inspect.ts";

const LONG = (64 << 20) + 12_345;

/** Long values at the start, in the middle and at the end of what is stored; one with a lease behind it. */
const store = emptyStore();
const value = Buffer.alloc(LONG, "a value that is long ");
store.put("a", value);
for (let i = 0; i < 40; i++) store.put(`between ${i}`, `value ${i}`);
store.put("m", value, 77n);
store.put("a", "short now");
store.put("z", value);
const buckets = backendOf(store, { lease: [leaseRecord(77n)] });
const snapshot = snapshotOf(buckets);

test("long rows are rows like any other, however the bytes come", async () => {
  const { report, hashKV } = await inspected(snapshot);
  assert.deepEqual(report.findings, []);
  const { totalSize, ...status } = report.status;
  assert.deepEqual(status, statusOf(buckets));
  assert.equal(totalSize, snapshot.length - 32);
  assert.equal(hashKV().hash, hashOfRows(store.rows, store.head, -1n));
  const before = store.head - 2n;
  assert.equal(hashKV(before).hash, hashOfRows(store.rows, before, -1n));
  assert.deepEqual(
    report.largest
      .slice(0, 3)
      .map(({ key }) => key)
      .toSorted(),
    ["a", "m", "z"],
  );
  const again = await inspectStream(sourceOf(snapshot, () => 1_000_003));
  assert.deepEqual(again.report, report);
});

test("damage around a long value is found", async () => {
  const at = Buffer.from(snapshot).indexOf(value.subarray(0, 100));
  const damages: [name: string, at: number, byte: number, code: string][] = [
    ["a length beyond the row", at - 1, 0x7f, "page-invalid"],
    ["a tag that is none", at - 5, 0x07, "page-invalid"],
    ["its own byte", at + LONG / 2, 0x00, "trailer-mismatch"],
  ];
  for (const [name, where, byte, code] of damages) {
    const bytes = snapshot.slice();
    bytes[Math.floor(where)] = byte;
    const { report } = await inspected(bytes);
    const codes = report.findings.filter(({ severity }) => severity === "error");
    assert.ok(
      codes.some((finding) => finding.code === code),
      `${name}: ${codes.map((one) => one.message).join("; ")}`,
    );
  }
});

test("only rows can be so long", async () => {
  const odd = backendOf(emptyStore(), { odd: [{ key: textBytes("key"), value }] });
  const { report } = await inspected(snapshotOf(odd));
  const [finding] = report.findings;
  assert.equal(finding!.code, "page-invalid");
  assert.match(finding!.message, /larger than anything etcd writes \(64 MiB, but for values\)/);
});
