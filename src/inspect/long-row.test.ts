/** Rows longer than what is read in one piece, as a server with a raised limit stores them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { backendOf, entries, leaseRecord, snapshotOf } from "../../test/support/backend.ts";
import { inspected, sourceOf } from "../../test/support/inspected.ts";
import { emptyStore, hashOfRows, statusOf } from "../../test/support/store.ts";
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

test("in a bucket that is none of etcd's long values go by, whatever they hold", async () => {
  const odd = entries(["a", "short"], ["b", value], ["c", "behind"], ["d", value]);
  const others = backendOf(store, { lease: [leaseRecord(77n)], odd });
  const { report, hashKV } = await inspected(snapshotOf(others));
  assert.deepEqual(
    report.findings.map(({ code, severity }) => [code, severity]),
    [["bucket-unknown", "warning"]],
  );
  assert.equal(report.status.hash, statusOf(others).hash);
  assert.equal(hashKV().hash, hashOfRows(store.rows, store.head, -1n));
});

test("a lease that is so long is none", async () => {
  const { key } = leaseRecord(77n);
  const { report } = await inspected(snapshotOf(backendOf(store, { lease: [{ key, value }] })));
  const errors = report.findings.filter(({ severity }) => severity === "error");
  assert.deepEqual(
    errors.map(({ message }) => message),
    ['a record of bucket "lease" was too large to be examined'],
  );
});
