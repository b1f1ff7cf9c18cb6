/** What goes wrong after a restore elsewhere: each trap is set on purpose, and must not close. */
import assert from "node:assert/strict";
import { get } from "node:http";
import { readFile, writeFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openDatabase, type Entry } from "../src/format/bbolt/reader.ts";
import { patchDatabase } from "../src/format/bbolt/patch.ts";
import { writeDatabase } from "../src/format/bbolt/writer.ts";
import { bytesText, compareBytes, concatBytes, textBytes } from "../src/format/bytes.ts";
import { crc32c } from "../src/format/crc32c.ts";
import { encodeRevision } from "../src/format/mvcc/revision.ts";
import { bytesField, varintField } from "../src/format/protobuf.ts";
import { inspectStream } from "../src/inspect/inspect.ts";
import { fileSource } from "../src/io/source.ts";
import { runCommand } from "./support/cli.ts";
import { connect } from "./support/client.ts";
import { applied, readAtOf } from "./support/database.ts";
import { ETCD_LINES, bootCluster, etcdBinaries, freeURLs, startCluster } from "./support/etcd.ts";
import type { Cluster, EtcdLine } from "./support/etcd.ts";
import { output } from "./support/program.ts";
import {
  assertLives,
  assertRestored,
  clusterFlags,
  restoreAndBoot,
  snapshotsOf,
  takeSnapshot,
  fillWithHistory,
} from "./support/restored.ts";
import type { TakenSnapshot } from "./support/restored.ts";
import { scratch } from "./support/scratch.ts";
import type { Scratch } from "./support/scratch.ts";

let folder: Scratch;
let snapshots: ReadonlyMap<EtcdLine, TakenSnapshot>;
before(async () => {
  folder = await scratch();
  snapshots = await snapshotsOf(ETCD_LINES, folder);
});
after(() => folder[Symbol.asyncDispose]());

for (const line of ETCD_LINES) {
  test(`after a bump ${line} tells old watchers to start over, and hashes as predicted`, async () => {
    const { file, hash } = snapshots.get(line)!;
    const flags = ["--bump-revision=1000000000", "--mark-compacted"];
    const bumped = hash.revision + 1_000_000_000n;
    const predicted = await predictHash(file, flags);
    assert.equal(predicted.revision, bumped);

    await using cluster = await restoreAndBoot({ snapshot: file, line, flags });
    using client = await connect(cluster.endpoints[0]!);
    assert.equal((await client.status()).revision, bumped);
    await assert.rejects(client.get("x", hash.revision), /required revision has been compacted/);
    // what clients remember: the first revision, the last compacted one, the head, what came after it, up to the bump
    const { compactRevision } = hash;
    for (const remembered of [
      1n,
      compactRevision,
      compactRevision + 1n,
      hash.revision - 1n,
      hash.revision,
      hash.revision + 1n,
      hash.revision + 999_999n,
      bumped - 1n,
    ]) {
      const watch = await cluster.ctl("watch", "", "--prefix", `--rev=${remembered}`);
      assert.match(watch.stderr, /required revision has been compacted/, `${remembered}`);
    }
    assert.equal(await client.put("next", "one"), bumped + 1n);
    const served = await client.hashKV();
    assert.equal(served.hash, crc32c(firstRow("next", "one", bumped + 1n), predicted.hash));
    assert.deepEqual([served.compactRevision, predicted.compactRevision], [bumped, bumped]);
  });
}

/** Key and value of the row that a new key gets: what its put adds to a HashKV. */
function firstRow(key: string, value: string, revision: bigint): Uint8Array {
  return concatBytes([
    encodeRevision({ main: revision, sub: 0n }),
    bytesField(1, textBytes(key)),
    varintField(2, revision),
    varintField(3, revision),
    varintField(4, 1),
    bytesField(5, textBytes(value)),
  ]);
}

/** HashKV at the head of what the restore wrote, computed offline. */
async function predictHash(snapshot: string, flags: readonly string[]) {
  const dataDir = folder.file(`predicted-${snapshot.slice(folder.path.length + 1)}`);
  const { status, stderr } = await runCommand([
    "snapshot",
    "restore",
    snapshot,
    `--data-dir=${dataDir}`,
    ...flags,
  ]);
  assert.equal(status, 0, stderr);
  await using source = await fileSource(`${dataDir}/member/snap/db`);
  return (await inspectStream(source)).report.hashKV;
}

/** The compaction that was resumed at boot is done: a hash computed during it would carry the one before. */
async function assertCompacted(cluster: Cluster, revision: bigint): Promise<void> {
  for (const endpoint of cluster.endpoints) {
    using client = await connect(endpoint);
    const { compactRevision } = await client.hashKV();
    assert.equal(compactRevision, revision);
  }
}

test("leases come back with their whole time, and hold their keys", async () => {
  await using source = await startCluster({ line: "3.6" });
  {
    using client = await connect(source.endpoints[0]!);
    await client.put("leased", "for a while", await client.grant(5000, 0x1234n));
  }
  const { file } = await takeSnapshot(source, folder.file("leases.db"));
  await using cluster = await restoreAndBoot({ snapshot: file, line: "3.7" });
  const { stdout } = await cluster.ctl("lease", "timetolive", "1234", "--keys");
  assert.match(stdout, /granted with TTL\(5000s\), remaining\((5000|49\d\d)s\).*leased/);
});

test("an alarm comes back, is told of, and can be disarmed", async () => {
  await using source = await startCluster({ line: "3.6" });
  {
    using client = await connect(source.endpoints[0]!);
    await client.put("a", "b");
    await client.raise("NOSPACE");
  }
  const { file } = await takeSnapshot(source, folder.file("alarm.db"));
  const dataDir = folder.file("alarm");
  const told = await runCommand(["snapshot", "restore", file, `--data-dir=${dataDir}`]);
  assert.match(told.stderr, /Warning: .*NOSPACE/);
  await using cluster = await restoreAndBoot({ snapshot: file, line: "3.6" });
  using client = await connect(cluster.endpoints[0]!);
  await assert.rejects(client.put("a", "c"), /database space exceeded/);
  assert.equal((await cluster.ctl("alarm", "disarm")).status, 0);
  await client.put("a", "c");
});

test("users come back: the old password opens the restored cluster, no password does not", async () => {
  await using source = await startCluster({ line: "3.5", auth: true, tls: true });
  await fillWithHistory(source.endpoints[0]!, source);
  const snapshot = await takeSnapshot(source, folder.file("auth.db"));
  const auth = source.auth!;
  await using cluster = await restoreAndBoot({ snapshot: snapshot.file, line: "3.7", auth });
  await assertRestored(cluster, snapshot);
  using stranger = await connect(cluster.endpoints[0]!);
  await assert.rejects(stranger.put("a", "b"), /user name is empty/);
});

test("learners of the source are gone, its removed members too", async () => {
  await using source = await startCluster({ line: "3.6" });
  const add = async (url: string) => {
    const name = `learner-${new URL(url).port}`;
    const added = await source.ctl("member", "add", name, "--learner", `--peer-urls=${url}`);
    assert.equal(added.status, 0, added.stderr);
    return /Member\s+([0-9a-f]+) added/.exec(added.stdout)![1]!;
  };
  const [first, second] = await freeURLs(2);
  assert.equal((await source.ctl("member", "remove", await add(first!))).status, 0);
  await add(second!);
  const snapshot = await takeSnapshot(source, folder.file("learner.db"));
  await using cluster = await restoreAndBoot({ snapshot: snapshot.file, line: "3.7" });
  await assertRestored(cluster, snapshot);
  await assertLives(cluster, snapshot.hash.revision);
});

test("members that 3.4's own restore left in the database do not stop 3.6 and 3.7", async () => {
  const { etcdctl } = await etcdBinaries("3.4");
  const [clientURL, peerURL] = await freeURLs(2);
  const place = {
    name: "z",
    dataDir: folder.file("zombie"),
    clientURL: clientURL!,
    peerURL: peerURL!,
  };
  const args = ["snapshot", "restore", snapshots.get("3.4")!.file, `--data-dir=${place.dataDir}`];
  await output(etcdctl, [...args, ...clusterFlags(place, [place])], { env: { ETCDCTL_API: "3" } });
  await using zombie = await bootCluster({ line: "3.4", members: [place] });
  const snapshot = await takeSnapshot(zombie, folder.file("zombie.db"));
  for (const line of ["3.6", "3.7"] as const) {
    await using cluster = await restoreAndBoot({ snapshot: snapshot.file, line });
    await assertRestored(cluster, snapshot);
    await assertLives(cluster, snapshot.hash.revision);
  }
});

const DOWNGRADE = textBytes('{"target-version":"3.5.0","enabled":true}');

test("a downgrade under way goes on after a restore, as with etcdutl, and is warned of", async () => {
  const changes = { cluster: { downgrade: DOWNGRADE, clusterVersion: textBytes("3.6.0") } };
  const snapshot = await edited(snapshots.get("3.6")!.file, "downgrade-begun.db", changes);
  const flags = ["--skip-hash-check"];
  const dataDir = folder.file("downgrade-begun");
  const args = ["snapshot", "restore", snapshot, `--data-dir=${dataDir}`, ...flags];
  assert.match((await runCommand(args)).stderr, /Warning: .*downgrade to 3\.5/);
  await using cluster = await restoreAndBoot({ snapshot, line: "3.6", flags });
  await waitForClusterVersion(cluster.endpoints[0]!, "3.5.0");
});

test("--target-version ends a downgrade, also one that is through", async () => {
  const changes = {
    cluster: { downgrade: DOWNGRADE, clusterVersion: textBytes("3.5.0") },
    meta: { storageVersion: undefined },
  };
  const snapshot = await edited(snapshots.get("3.6")!.file, "downgrade-done.db", changes);
  const flags = ["--skip-hash-check", "--target-version=3.6"];
  const dataDir = folder.file("downgrade-done");
  const args = ["snapshot", "restore", snapshot, `--data-dir=${dataDir}`, ...flags];
  assert.doesNotMatch((await runCommand(args)).stderr, /Warning: .*downgrade/);
  await using cluster = await restoreAndBoot({ snapshot, line: "3.6", flags });
  await waitForClusterVersion(cluster.endpoints[0]!, "3.6.0");
});

/** A copy of a snapshot, without its trailer, in which rows of small buckets have other values or none. */
async function edited(
  file: string,
  name: string,
  changes: Record<string, Record<string, Uint8Array | undefined>>,
): Promise<string> {
  const bytes = (await readFile(file)).subarray(0, -32);
  const database = openDatabase(readAtOf(bytes), bytes.length);
  const replace = new Map<string, Entry[]>();
  for (const [bucket, rows] of Object.entries(changes)) {
    const entries = [...database.bucket(bucket)!.entries()].filter(
      ({ key }) => !(bytesText(key) in rows),
    );
    for (const [key, value] of Object.entries(rows))
      if (value !== undefined) entries.push({ key: textBytes(key), value });
    replace.set(
      bucket,
      entries.toSorted((a, b) => compareBytes(a.key, b.key)),
    );
  }
  const { writes, size } = patchDatabase(readAtOf(bytes), bytes.length, { replace });
  await writeFile(folder.file(name), applied(bytes, writes, size));
  return folder.file(name);
}

/** Waits for the leader to decide it, some seconds after its election. */
async function waitForClusterVersion(url: string, wanted: string): Promise<void> {
  for (const from = Date.now(); Date.now() - from < 60_000; await sleep(100)) {
    if ((await clusterVersion(url)) === wanted) return;
  }
  assert.equal(await clusterVersion(url), wanted);
}

function clusterVersion(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(`${url}/version`, { agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () =>
        resolve(
          (JSON.parse(Buffer.concat(parts).toString()) as { etcdcluster: string }).etcdcluster,
        ),
      );
    }).on("error", reject);
  });
}

test("a compaction that a snapshot caught half done is finished by the restored server", async () => {
  const { file, hash } = snapshots.get("3.6")!;
  const scheduled = hash.revision - 5n;
  const mark = encodeRevision({ main: scheduled, sub: 0n });
  const half = await edited(file, "half-compacted.db", { meta: { scheduledCompactRev: mark } });
  await using source = await fileSource(half);
  const predicted = (await inspectStream(source)).report.hashKV;
  assert.equal(predicted.compactRevision, scheduled);

  const flags = ["--skip-hash-check"];
  await using cluster = await restoreAndBoot({ snapshot: half, line: "3.6", flags });
  await assertCompacted(cluster, scheduled);
  using client = await connect(cluster.endpoints[0]!);
  assert.equal((await client.hashKV()).hash, predicted.hash);
});

for (const pageSize of [16384, 65536]) {
  test(`a snapshot with pages of ${pageSize} bytes boots on a machine with smaller ones`, async () => {
    const { file, hash } = snapshots.get("3.5")!;
    const bytes = await readFile(file);
    const database = openDatabase(readAtOf(bytes.subarray(0, -32)), bytes.length - 32);
    const buckets = Array.from(database.bucketNames(), (name) => {
      const text = Buffer.from(name).toString();
      return { name: text, entries: database.bucket(text)!.entries() };
    });
    const writes = [...writeDatabase(buckets, { pageSize })];
    const size = Math.max(...writes.map((write) => write.offset + write.bytes.length));
    const large = folder.file(`pages-${pageSize}.db`);
    await writeFile(large, applied(new Uint8Array(0), writes, size));
    const flags = ["--skip-hash-check"];
    await using cluster = await restoreAndBoot({ snapshot: large, line: "3.5", flags });
    await assertRestored(cluster, { file, hash });
    await assertLives(cluster, hash.revision);
  });
}
