import assert from "node:assert/strict";
import { test } from "node:test";
import { timeInName } from "./name-time.ts";

const at = (name: string): string | undefined => {
  const time = timeInName(name);
  return time === undefined ? undefined : new Date(time).toISOString().replace(".000Z", "");
};

test("stamps as scripts write them", () => {
  for (const name of [
    "etcd-20261124-070320.db",
    "snapshot_2026-11-24_07-03-20.db",
    "20261124T070320Z-l1-r7.db",
    "/var/backups/2025/etcd.2026-11-24T07:03:20Z",
    "snapshot-20261124070320.db",
    "etcd_2026_11_24_07_03_20.snap",
  ])
    assert.equal(at(name), "2026-11-24T07:03:20", name);
  assert.equal(at("etcd-2026-11-24_0703.db"), "2026-11-24T07:03:00");
  assert.equal(at("etcd-snapshot-node1-1764000200"), "2025-11-24T16:03:20");
});

test("a day without a time is its first second", () => {
  assert.equal(at("etcd-snapshot-2026-11-24.db"), "2026-11-24T00:00:00");
  assert.equal(at("backup.20261124.db"), "2026-11-24T00:00:00");
});

test("other numbers are no times", () => {
  for (const name of [
    "snapshot.db",
    "etcd-3.6.16.db",
    "node-10-0-0-1.db",
    "2026-13-24.db",
    "2026-02-30.db",
    "120261124.db",
    "0123456789012.db",
    "/backups/20261124/snapshot.db",
  ])
    assert.equal(at(name), undefined, name);
});
