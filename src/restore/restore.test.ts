/** What a disk can do to a restore: room for one data dir and not for all, bytes that are not what was written. */
import assert from "node:assert/strict";
import { openSync, closeSync, globSync, readdirSync, writeSync } from "node:fs";
import { test } from "node:test";
import { backendOf, snapshotOf } from "../../test/support/backend.ts";
import { sourceOf } from "../../test/support/inspected.ts";
import { noMounts, tmpfs } from "../../test/support/mounts.ts";
import { scratch } from "../../test/support/scratch.ts";
import { emptyStore } from "../../test/support/store.ts";
import { restoreSnapshot, type RestoreRequest } from "./restore.ts";

const signal = new AbortController().signal;
const store = emptyStore();
for (let i = 0; i < 300; i++) store.put(`/registry/pods/default/web-${i % 70}`, `value ${i}`);
const snapshot = snapshotOf(backendOf(store));

function request(dataDir: string, changes: Partial<RestoreRequest>): RestoreRequest {
  return {
    source: sourceOf(snapshot),
    cluster: {
      name: "m1",
      initialCluster: "m1=http://127.0.0.1:2380",
      initialClusterToken: "token",
      initialAdvertisePeerURLs: "http://127.0.0.1:2380",
    },
    dataDir,
    walDir: undefined,
    skipHashCheck: false,
    acceptFindings: [],
    bump: 1_000_000_000n,
    target: undefined,
    drop: [],
    rewrite: false,
    keepAside: undefined,
    others: [],
    judge: () => {},
    readBack: true,
    ...changes,
  };
}

const hooks = { signal, progress: () => {} };

for (const rewrite of [false, true])
  test(`the database is read back as it is (${rewrite ? "written anew" : "edited"})`, async () => {
    await using folder = await scratch();
    const { revision, written } = await restoreSnapshot(
      request(folder.file("etcd"), { rewrite }),
      hooks,
    );
    assert.equal(revision, store.head + 1_000_000_000n);
    assert.equal(written!.revision, revision);
    assert.equal(written!.liveKeys, 71, "and the empty key, which holds the raised revision");
    assert.deepEqual(
      written!.findings.map(({ code }) => code),
      ["no-trailer", "compaction-unfinished"],
    );
  });

test("a bump as far as 63 bits go is read back as what it is", async () => {
  await using folder = await scratch();
  const bump = 2n ** 63n - 1n - store.head;
  const { written } = await restoreSnapshot(request(folder.file("etcd"), { bump }), hooks);
  assert.equal(written!.revision, 2n ** 63n - 1n);
  assert.equal(written!.liveKeys, 71);
});

test("a byte that changed on the disk is found, and nothing appears", async () => {
  await using folder = await scratch();
  const spoil = (): void => {
    const [path] = globSync(`${folder.path}/.*/**/db`);
    const file = openSync(path!, "r+");
    writeSync(file, Uint8Array.of(0x5a), 0, 1, snapshot.length - 5000);
    closeSync(file);
  };
  await assert.rejects(restoreSnapshot(request(folder.file("etcd"), { judge: spoil }), hooks), {
    code: "written-wrong",
  });
  assert.deepEqual(readdirSync(folder.path), []);
});

test(
  "room for all data dirs is asked for before the first is written",
  { skip: await noMounts() },
  async () => {
    await using disk = await tmpfs(2 * (snapshot.length + (1 << 20)));
    const members = ["m1", "m2", "m3"].map((name, at) => `${name}=http://127.0.0.1:238${at}`);
    const other = (name: string) => ({ name, dataDir: `${disk.path}/all/${name}` });
    const all = request(`${disk.path}/all/m1`, { others: [other("m2"), other("m3")] });
    const cluster = { ...all.cluster, initialCluster: members.join(",") };
    await assert.rejects(restoreSnapshot({ ...all, cluster }, hooks), { code: "no-space" });
    assert.deepEqual(readdirSync(disk.path), []);
    await restoreSnapshot(request(`${disk.path}/one`, { rewrite: true }), hooks);
    assert.deepEqual(readdirSync(disk.path), ["one"]);
  },
);
