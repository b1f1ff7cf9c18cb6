import assert from "node:assert/strict";
import { test } from "node:test";
import { reportOf } from "../../test/support/inspected.ts";
import { kubernetesSnapshot } from "../../test/support/small-snapshot.ts";
import { importedManifest, timeInName } from "./import.ts";
import { backupName, dataKey } from "./layout.ts";
import { decodeManifest, encodeManifest } from "./manifest.ts";

const NAMES: [name: string, time: string | undefined][] = [
  ["snapshot.db", undefined],
  ["etcd-20261124.db", "2026-11-24T00:00:00Z"],
  ["etcd-2026-11-24.db", "2026-11-24T00:00:00Z"],
  ["etcd_2026-11-24_0703.db", "2026-11-24T07:03:00Z"],
  ["snapshot_20261124T070320Z.db", "2026-11-24T07:03:20Z"],
  ["20261124-070320-etcd.db.bak", "2026-11-24T07:03:20Z"],
  ["etcd-snapshot-2026-11-24T07:03:20.db", "2026-11-24T07:03:20Z"],
  ["backup-2026.11.24-07h03.db", "2026-11-24T07:03:00Z"],
  ["etcd-snapshot-node1-1795503800", "2026-11-24T07:03:20Z"],
  ["on-demand-node-20261341.db", undefined],
  ["cluster-20260230-x.db", undefined],
  ["202611240703201234567.db", undefined],
  ["serial-19991231.db", undefined],
];

for (const [name, time] of NAMES)
  test(`the time in the name ${name} is ${time ?? "none"}`, () => {
    const found = timeInName(name);
    assert.equal(found, time === undefined ? undefined : Date.parse(time));
  });

test("a name of any length is looked through in no time", () => {
  assert.equal(timeInName("2026-".repeat(100_000)), undefined);
});

test("the manifest of an imported snapshot has all that the snapshot says, and no source", async () => {
  const report = await reportOf(kubernetesSnapshot());
  const name = backupName({
    cluster: "prod",
    time: Date.UTC(2026, 10, 24),
    lineage: 0,
    revision: report.revision,
    random: "0123456789abcdef",
  });
  const object = { role: "snapshot", key: dataKey(name, ".age"), size: 5, sha256: "0".repeat(64) };
  const manifest = importedManifest({
    name,
    report,
    sealing: { kind: "age", recipients: ["x25519:0123456789abcdef"] },
    objects: [object],
    durations: { total: 1 },
    tool: "test",
  });
  assert.deepEqual(decodeManifest(encodeManifest(manifest), name), manifest);
  assert.equal(manifest.source, null);
  assert.equal(manifest.imported, true);
  assert.equal(manifest.revision, String(report.revision));
  assert.equal(manifest.hashKV.hash, report.hashKV.hash);
  assert.equal(manifest.contents.liveKeys, report.liveKeys);
});
