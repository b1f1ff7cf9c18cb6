/** What the small buckets say comes out as it is, exact to the last bit. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  backendOf,
  entries,
  leaseRecord,
  MEMBER_ID,
  snapshotOf,
} from "../../test/support/backend.ts";
import { codesOf, reportOf } from "../../test/support/inspected.ts";
import { emptyStore } from "../../test/support/store.ts";
import type { Entry } from "../format/bbolt/reader.ts";
import { concatBytes, textBytes, u64beBytes } from "../format/bytes.ts";
import { bytesField, varintField } from "../format/protobuf.ts";
import type { Report } from "./report.ts";

const MOST = 2n ** 64n - 1n;

function reportWith(changes: Record<string, Entry[]>): Promise<Report> {
  return reportOf(snapshotOf(backendOf(emptyStore().put("a", "b"), changes)));
}

test("what a fresh server of 3.6 says of itself", async () => {
  const report = await reportWith({});
  assert.deepEqual(report.findings, []);
  const { consistentIndex, term, storageVersion, clusterVersion, downgrade, auth, alarms } = report;
  assert.deepEqual(
    { consistentIndex, term, storageVersion, clusterVersion, downgrade, auth, alarms },
    {
      consistentIndex: 4711n,
      term: 3n,
      storageVersion: "3.6.0",
      clusterVersion: "3.6.0",
      downgrade: "",
      auth: { enabled: false, revision: 1n, users: [], roles: [] },
      alarms: [],
    },
  );
  assert.deepEqual(report.members, [
    {
      id: MEMBER_ID,
      name: "m1",
      peerURLs: ["http://localhost:2380"],
      clientURLs: ["http://localhost:2379"],
      isLearner: false,
    },
  ]);
});

test("numbers use all of their 64 bits", async () => {
  const member = `{"id":${MOST},"peerURLs":[],"isLearner":true}`;
  const { members, alarms, consistentIndex, auth, leases } = await reportWith({
    members: entries([MOST.toString(16), member]),
    alarm: entries([concatBytes([varintField(1, MOST), varintField(2, 2)]), ""]),
    meta: entries(["consistent_index", u64beBytes(MOST)]),
    auth: entries(["authRevision", u64beBytes(MOST - 1n)]),
    lease: [leaseRecord(1n), leaseRecord(2n ** 63n - 1n), leaseRecord(-(2n ** 63n))],
  });
  assert.deepEqual(members, [
    { id: MOST, name: "", peerURLs: [], clientURLs: [], isLearner: true },
  ]);
  assert.deepEqual(alarms, [{ memberId: MOST, alarm: "CORRUPT" }]);
  assert.deepEqual([consistentIndex, auth.revision, leases], [MOST, MOST - 1n, 3]);
});

test("authentication, with its users and roles by name", async () => {
  const user = (name: string): [string, Uint8Array] => [name, bytesField(1, textBytes(name))];
  const { auth, findings } = await reportWith({
    auth: entries(["authEnabled", Uint8Array.of(1)], ["authRevision", u64beBytes(7n)]),
    authUsers: entries(user("alice"), user("root"), user("é")),
    authRoles: entries(user("reader")),
  });
  assert.deepEqual(auth, {
    enabled: true,
    revision: 7n,
    users: ["alice", "root", "é"],
    roles: ["reader"],
  });
  assert.deepEqual(findings, []);
  for (const off of [Uint8Array.of(0), new Uint8Array(0), Uint8Array.of(2)])
    assert.equal((await reportWith({ auth: entries(["authEnabled", off]) })).auth.enabled, false);
});

test("status shows a storage version only when it is a semantic one", async () => {
  for (const [text, shown] of [
    ["3.7.0", "3.7.0"],
    ["3.6.7-alpha.1", "3.6.7-alpha.1"],
    ["3.6.0+build.5", "3.6.0+build.5"],
    ["", ""],
    ["3.6", ""],
    ["garbage", ""],
    ["v3.6.0", ""],
    ["3.6.0\n", ""],
  ] as const) {
    const report = await reportWith({ meta: entries(["storageVersion", text]) });
    assert.deepEqual([report.status.version, report.storageVersion], [shown, text]);
  }
});

test("buckets of any size are read, inline or not", async () => {
  for (const count of [0, 1, 20, 5000]) {
    const lease = Array.from({ length: count }, (_, i) => leaseRecord(BigInt(i * 7 + 1)));
    const { leases, findings } = await reportWith({ lease });
    assert.deepEqual([leases, findings], [count, []]);
  }
});

test("a lease that nobody knows is named as etcd names it", async () => {
  const store = emptyStore().put("a", "b", -2n);
  const { findings } = await reportOf(snapshotOf(backendOf(store)));
  assert.match(findings[0]!.message, /^revision 2 of "a": its lease fffffffffffffffe is not in/);
  const known = await reportOf(snapshotOf(backendOf(store, { lease: [leaseRecord(-2n)] })));
  assert.deepEqual(codesOf(known), []);
});
