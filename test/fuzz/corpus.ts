/** Sound inputs of every kind to begin with. */
import { concatBytes, textBytes, u64beBytes } from "../../src/format/bytes.ts";
import { encodeFreelist } from "../../src/format/bbolt/freelist.ts";
import { encodeRevision } from "../../src/format/mvcc/revision.ts";
import { bytesField, varintField } from "../../src/format/protobuf.ts";
import {
  backendOf,
  entries,
  leaseRecord,
  MEMBER_ID,
  snapshotOf,
  withTrailer,
} from "../support/backend.ts";
import { databaseOf } from "../support/database.ts";
import { laidOut, runsOf } from "../support/layout.ts";
import { emptyStore, encodeKeyValue, tombstoneKey } from "../support/store.ts";

function store() {
  const rows = emptyStore();
  for (let i = 0; i < 25; i++)
    rows.put(`/registry/pods/ns-${i % 2}/p-${i % 6}`, "v".repeat(i * 13), i % 7 === 0 ? 7n : 0n);
  rows.write({ put: "a", value: "long".repeat(700) }, { remove: "/registry/pods/ns-0/p-0" });
  return rows.put("b").compact(12n);
}

const user = concatBytes([bytesField(1, textBytes("root")), bytesField(3, textBytes("root"))]);
const alarm = concatBytes([varintField(1, MEMBER_ID), varintField(2, 1)]);
const member = textBytes(`{"id":${MEMBER_ID},"peerURLs":["http://localhost:2380"],"name":"m1"}`);
const downgrade = textBytes('{"target-version":"3.5.0","enabled":true}');

const rich = backendOf(store(), {
  lease: [leaseRecord(7n)],
  authUsers: entries(["root", user]),
  auth: entries(["authEnabled", Uint8Array.of(1)], ["authRevision", u64beBytes(3n)]),
  alarm: entries([alarm, ""]),
});

/** Snapshots of a few pages. */
export const SNAPSHOTS: readonly Uint8Array[] = [1024, 4096].flatMap((pageSize) => {
  const file = databaseOf(rich, { pageSize });
  const turned = runsOf(file).toReversed();
  return [
    withTrailer(file),
    file,
    withTrailer(
      laidOut(
        file,
        turned.map((run, i) => ({ run, gap: i % 3 })),
      ),
    ),
    snapshotOf(rich, { pageSize, freelist: "persisted" }),
    snapshotOf(backendOf(emptyStore()), { pageSize }),
  ];
});

export const MESSAGES: readonly Uint8Array[] = [
  ...["", "v", "v".repeat(300)].map((value) =>
    encodeKeyValue({
      key: "/registry/a",
      createRevision: 5n,
      modRevision: 2n ** 40n,
      version: 3n,
      value,
      lease: -5n,
    }),
  ),
  leaseRecord(7n).value,
  user,
  alarm,
  member,
  downgrade,
  encodeRevision({ main: 2n ** 40n, sub: 3n }),
  tombstoneKey({ main: 7n, sub: 0n }),
  u64beBytes(4711n),
];

export const FREELISTS: readonly Uint8Array[] = [
  [],
  [3, 4, 9],
  Array.from({ length: 65535 }, (_, i) => i + 2),
].map((ids) => encodeFreelist(2, ids, 1024));

const frame = (message: Uint8Array): Uint8Array => {
  const prefix = new Uint8Array(5);
  new DataView(prefix.buffer).setUint32(1, message.length);
  return concatBytes([prefix, message]);
};

/** The body of a Snapshot call. */
export const SNAPSHOT_BODIES: readonly Uint8Array[] = [
  concatBytes([
    frame(
      concatBytes([
        varintField(2, 4096),
        bytesField(3, new Uint8Array(3000)),
        bytesField(4, textBytes("3.6.0")),
      ]),
    ),
    frame(
      concatBytes([
        bytesField(1, new Uint8Array(9)),
        bytesField(3, new Uint8Array(1096)),
        bytesField(4, textBytes("3.6.0")),
      ]),
    ),
    frame(bytesField(3, new Uint8Array(32))),
  ]),
  concatBytes([frame(new Uint8Array(0)), frame(varintField(2, 1))]),
];

export const TEXTS: readonly Uint8Array[] = [
  "m1=http://10.0.0.1:2380,m2=https://[::1]:2380,m3=unix://localhost:2380",
  "default=http://localhost:2380",
  "https://etcd-0.example.com:2379",
  "unix:///run/etcd.sock",
  "http://user:pass@host:1/path?query",
  "10.0.0.1",
  "[fe80::1%eth0]:2379",
  "1h30m5.5s",
  "30s",
  "--data-dir=/tmp/x",
  "-w=json",
  "--skip-hash-check=true",
  "3.6.0-alpha.1+build",
].map(textBytes);
