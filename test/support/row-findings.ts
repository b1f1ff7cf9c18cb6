/** Findings about buckets, rows and records: what provokes each, and what comes near. */
import { leafKeyStart } from "../../src/format/bbolt/page.ts";
import type { Entry } from "../../src/format/bbolt/reader.ts";
import { concatBytes, textBytes, u64beBytes } from "../../src/format/bytes.ts";
import { encodeRevision } from "../../src/format/mvcc/revision.ts";
import { bytesField, varintField } from "../../src/format/protobuf.ts";
import { compactionMark, entries, leaseRecord, MEMBER_ID, metaRecords } from "./backend.ts";
import { asIs, changed, history, holding } from "./finding-case.ts";
import type { Case, Cases } from "./finding-case.ts";
import { rootLeaf } from "./page-findings.ts";
import { encodeKeyValue, tombstoneKey } from "./store.ts";

/** The usual rows, up to revision 401, and these. */
export function rows(...more: readonly Entry[]): Case {
  return holding({ key: [...history().rows, ...more] });
}

/** A put of the key "new" at revision `main`. */
export const put = (
  main: bigint,
  fields: Parameters<typeof encodeKeyValue>[0] = {},
  sub = 0n,
): Entry => ({
  key: encodeRevision({ main, sub }),
  value: encodeKeyValue({
    key: "new",
    createRevision: main,
    modRevision: main,
    version: 1n,
    ...fields,
  }),
});
export const row = (key: Uint8Array, value = put(402n).value): Entry => ({ key, value });

/** A user that has a role "r". */
const [READER] = entries([
  "u",
  concatBytes([bytesField(1, textBytes("u")), bytesField(3, textBytes("r"))]),
]) as [Entry];
const alarm = concatBytes([varintField(1, MEMBER_ID), varintField(2, 1)]);
const without = (entry: string): Entry[] =>
  metaRecords(history()).filter(({ key }) => !Buffer.from(key).equals(Buffer.from(entry)));
const meta = (...pairs: [string, string | Uint8Array][]): Record<string, Entry[]> => ({
  meta: [...metaRecords({ compacted: -1n }), ...entries(...pairs)]
    .filter(
      ({ key }, i, all) => all.findLastIndex((one) => Buffer.compare(one.key, key) === 0) === i,
    )
    .toSorted((a, b) => Buffer.compare(a.key, b.key)),
});

export const ROW_CASES = {
  "bucket-missing": {
    provoke: [
      holding({ lease: undefined }),
      { ...holding({ key: undefined }), severity: "error" },
      { ...holding({ meta: undefined }), severity: "error" },
      { ...changed((f) => (f[leafKeyStart(f, rootLeaf, 5)]! ^= 1)), severity: "error" },
    ],
    near: [asIs, holding({ more: [] })],
  },
  "bucket-unknown": {
    provoke: [holding({ more: [] }), changed((f) => (f[leafKeyStart(f, rootLeaf, 5)]! ^= 1))],
    near: [asIs],
  },
  "row-key": {
    provoke: [
      rows(row(u64beBytes(402n))),
      rows(row(concatBytes([encodeRevision({ main: 402n, sub: 0n }), textBytes("tt")]))),
      rows(row(encodeRevision({ main: 402n, sub: 0n }).with(8, 0x20))),
      rows(row(encodeRevision({ main: 2n ** 63n, sub: 0n }))),
      rows(row(encodeRevision({ main: 402n, sub: 2n ** 63n }))),
    ],
    near: [
      asIs,
      rows(row(tombstoneKey({ main: 402n, sub: 0n }).with(17, 0x75))),
      rows(put(2n ** 63n - 1n)),
    ],
  },
  "row-value": {
    provoke: [
      rows(row(put(402n).key, textBytes("no message"))),
      rows(row(put(402n).key, put(402n).value.subarray(0, 3))),
      rows(row(tombstoneKey({ main: 402n, sub: 0n }), Uint8Array.of(0x0a, 9))),
    ],
    near: [asIs, rows(row(put(402n).key, concatBytes([put(402n).value, varintField(77, 1)])))],
  },
  "row-revision": {
    provoke: [
      rows(put(402n, { modRevision: 403n })),
      rows(put(402n, { modRevision: 2n ** 32n + 402n })),
    ],
    near: [rows(put(402n)), rows(row(encodeRevision({ main: 402n, sub: 0n }), new Uint8Array(0)))],
  },
  "row-version": {
    provoke: [
      rows(put(402n, { version: 2n })),
      rows(put(402n, { createRevision: 401n })),
      rows(put(402n, { key: "key-1" })),
      rows(put(402n), put(403n, { version: 2n })),
      rows(put(402n), put(403n, { version: 3n, createRevision: 402n })),
      rows(row(tombstoneKey({ main: 402n, sub: 0n }), bytesField(1, textBytes("never was")))),
      {
        ...rows(
          put(402n),
          row(tombstoneKey({ main: 402n, sub: 0n }), bytesField(1, textBytes("new"))),
        ),
        severity: "error",
      },
      {
        ...rows(put(402n), row(tombstoneKey({ main: 402n, sub: 0n }).with(17, 0x75))),
        severity: "error",
      },
    ],
    near: [
      rows(put(402n), put(403n, { version: 2n, createRevision: 402n })),
      rows(put(402n, { version: 2n ** 32n })),
      rows(
        put(402n),
        row(tombstoneKey({ main: 403n, sub: 0n }), bytesField(1, textBytes("new"))),
        put(404n),
      ),
      rows(
        put(402n),
        row(tombstoneKey({ main: 402n, sub: 0n }), bytesField(1, textBytes("key-1"))),
      ),
      holding({
        key: [put(300n, { version: 9n, createRevision: 7n })],
        meta: metaRecords({ compacted: 300n }),
      }),
      holding({
        key: [put(301n, { version: 9n, createRevision: 7n })],
        meta: metaRecords({ compacted: 301n }),
      }),
    ],
  },
  "revision-gap": {
    provoke: [
      rows(put(403n)),
      rows(put(402n, {}, 1n)),
      rows(put(402n), put(402n, { key: "other" }, 2n)),
      rows(put(2n ** 32n + 402n)),
      holding({ key: [put(3n)] }),
      holding({ key: [put(302n)], meta: metaRecords({ compacted: 300n }) }),
    ],
    near: [
      rows(put(402n), put(402n, { key: "other" }, 1n)),
      holding({ key: [put(2n)] }),
      holding({
        key: [put(7n), put(301n, { key: "other" })],
        meta: metaRecords({ compacted: 300n }),
      }),
      holding({ key: [] }),
    ],
  },
  "lease-unknown": {
    provoke: [
      rows(put(402n, { lease: 7n })),
      holding({ key: [put(2n, { lease: -1n })], lease: [leaseRecord(1n)] }),
    ],
    near: [
      holding({ key: [put(2n, { lease: 7n })], lease: [leaseRecord(7n)] }),
      holding({ key: [put(2n, { lease: -1n })], lease: [leaseRecord(-1n)] }),
      holding({ key: [put(2n, { lease: 7n }), put(3n, { version: 2n, createRevision: 2n })] }),
      holding({
        key: [
          put(2n, { lease: 7n }),
          row(tombstoneKey({ main: 3n, sub: 0n }), bytesField(1, textBytes("new"))),
        ],
      }),
    ],
  },
  "lease-misplaced": {
    provoke: [
      holding({ lease: [{ ...leaseRecord(1n), key: new Uint8Array(7) }] }),
      holding({ lease: [{ ...leaseRecord(1n), key: u64beBytes(2n) }] }),
    ],
    near: [holding({ lease: [leaseRecord(1n), leaseRecord(-1n)] })],
  },
  "record-invalid": {
    provoke: [
      holding({ lease: entries([u64beBytes(1n), bytesField(1, new Uint8Array(0))]) }),
      { ...holding({ authRoles: entries(["unused", "no message"]) }), severity: "warning" },
      holding({ lease: entries([u64beBytes(1n), "no message"]) }),
      holding({ alarm: entries(["no message", ""]) }),
      holding({ authUsers: entries(["root", "no message"]) }),
      holding({
        authUsers: [READER],
        authRoles: entries(["r", Uint8Array.of(0x0a)]),
      }),
      holding({
        authUsers: [READER],
        authRoles: entries(["r", bytesField(2, varintField(2, 1))]),
      }),
      holding({ authUsers: entries(["u", bytesField(4, bytesField(1, new Uint8Array(0)))]) }),
      holding(meta(["finishedCompactRev", compactionMark(3n).subarray(1)])),
      holding(meta(["scheduledCompactRev", "no mark at all..."])),
      holding({ auth: entries(["authRevision", new Uint8Array(7)]) }),
      holding({ cluster: entries(["clusterVersion", "3.p.0"]) }),
      holding({ cluster: entries(["clusterVersion", ""]) }),
      holding({ cluster: entries(["clusterVersion", "3.6.0-a..b"]) }),
      holding({ cluster: entries(["clusterVersion", "3.9223372036854775808.0"]) }),
      holding({ cluster: entries(["downgrade", "no JSON"]) }),
      holding({ cluster: entries(["downgrade", "[]"]) }),
      holding({ cluster: entries(["downgrade", '{"enabled":1}']) }),
      holding({ cluster: entries(["downgrade", '{"target-version":"soon","enabled":true}']) }),
    ],
    near: [
      holding({
        lease: [leaseRecord(1n)],
        alarm: entries([alarm, ""]),
        authUsers: entries(["root", bytesField(1, textBytes("root"))]),
      }),
      holding(meta(["finishedCompactRev", compactionMark(3n)])),
      holding({ cluster: entries(["clusterVersion", "3.6.0-"], ["downgrade", "null"]) }),
    ],
  },
  "member-invalid": {
    provoke: [
      holding({ members: entries(["1", "no JSON"]) }),
      holding({ members: entries(["1", '{"name":"m"}']) }),
      holding({ members: entries(["1", "null"]) }),
      holding({ members: entries(["zz", '{"id":1}']) }),
      holding({ members_removed: entries(["12345678123456781", "removed"]) }),
    ],
    near: [
      asIs,
      holding({ members: [], members_removed: entries(["8e9e05c52164694d", "removed"]) }),
      holding({ members: entries(["1", '{"id":18446744073709551615}']) }),
    ],
  },
  "number-invalid": {
    provoke: [
      holding(meta(["consistent_index", "short"])),
      holding(meta(["term", new Uint8Array(9)])),
      holding({ auth: entries(["authRevision", new Uint8Array(9)]) }),
    ],
    near: [asIs, holding({ meta: without("term"), auth: [] })],
  },
  "not-examined": {
    provoke: [holding({ authRoles: entries(["big", bytesField(1, new Uint8Array(1 << 20))]) })],
    near: [holding({ authRoles: entries(["big", bytesField(1, new Uint8Array((1 << 20) - 4))]) })],
  },
  "alarm-raised": {
    provoke: [holding({ alarm: entries([alarm, ""]) })],
    near: [asIs],
  },
  "downgrade-enabled": {
    provoke: [
      holding({ cluster: entries(["downgrade", '{"target-version":"3.5.0","enabled":true}']) }),
    ],
    near: [
      holding({ cluster: entries(["downgrade", '{"target-version":"3.5.0","enabled":false}']) }),
      holding({ cluster: entries(["downgrade", '{"target-version":"","enabled":false}']) }),
    ],
  },
  "version-newer": {
    provoke: [
      holding(meta(["storageVersion", "3.8.0"])),
      holding({ cluster: entries(["clusterVersion", "3.10.0"]) }),
    ],
    near: [
      holding(meta(["storageVersion", "3.7.0"])),
      holding(meta(["storageVersion", "no version"])),
      holding({ cluster: entries(["clusterVersion", "3.7.99"]) }),
    ],
  },
  "compaction-unfinished": {
    provoke: [
      holding(
        meta(
          ["finishedCompactRev", compactionMark(9n)],
          ["scheduledCompactRev", compactionMark(10n)],
        ),
      ),
      holding(meta(["scheduledCompactRev", compactionMark(10n)])),
    ],
    near: [
      holding(
        meta(
          ["finishedCompactRev", compactionMark(10n)],
          ["scheduledCompactRev", compactionMark(10n)],
        ),
      ),
      holding(meta(["finishedCompactRev", compactionMark(10n)])),
    ],
  },
} satisfies Cases;
