/** What the old cluster was in the middle of: alarms, a learner that never came, a database full of free pages. */
import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "./support/client.ts";
import { bootCluster, ETCD_LINES, startCluster, type Cluster } from "./support/etcd.ts";
import { station, type Station } from "./support/station.ts";

const QUOTA = 4 << 20;

/** Writes until the quota is used up, and deletes all of it again. */
async function raiseAlarm(cluster: Cluster): Promise<void> {
  using client = await connect(cluster.endpoints[0]!, cluster);
  await client.put("kept", "here");
  const value = "x".repeat(300_000);
  for (let i = 0; ; i++) {
    try {
      await client.put(`big/${i}`, value);
    } catch {
      break;
    }
  }
  await client.deleteRange("big/", "big0");
  await client.compact((await client.status()).revision);
  const { stdout } = await cluster.ctl("alarm", "list");
  assert.match(stdout, /NOSPACE/);
}

async function bootRestored(
  from: Station,
  lost: Cluster,
  name: string,
  ...flags: string[]
): Promise<{ cluster: Cluster; bytes: number; told: string }> {
  const dataDir = from.file(name);
  const argv = ["restore", ...from.reading, `--data-dir=${dataDir}`, ...flags];
  const { status, stderr } = await from.run(argv);
  assert.equal(status, 0, stderr);
  const { size } = await stat(join(dataDir, "member", "snap", "db"));
  const members = [{ ...lost.members[0]!, dataDir }];
  return { cluster: await bootCluster({ line: lost.line, members }), bytes: size, told: stderr };
}

test("a cluster out of space comes back with room, and takes writes", async () => {
  await using here = await station();
  await using lost = await startCluster({
    line: "3.6",
    flags: [`--quota-backend-bytes=${QUOTA}`],
  });
  await raiseAlarm(lost);
  const added = await lost.ctl(
    "member",
    "add",
    "l1",
    "--learner",
    "--peer-urls=http://127.0.0.9:1",
  );
  assert.equal(added.status, 0, added.stderr);
  const { contents, members } = await here.backup(lost);
  assert.deepEqual(
    [
      contents.alarms.map(({ alarm }) => alarm),
      members.map(({ isLearner }) => isLearner).toSorted(),
    ],
    [["NOSPACE"], [false, true]],
  );
  const plan = await here.run(["restore", ...here.reading, "--data-dir=x", "--dry-run"]);
  assert.match(plan.stdout, /clear alarms +NOSPACE of .*--keep-alarms/);
  assert.match(plan.stdout, /learner +http:\/\/127\.0\.0\.9:1 is not restored/);
  await lost.members[0]!.stop("SIGKILL");
  {
    const kept = await bootRestored(here, lost, "kept", "--keep-alarms");
    await using cluster = kept.cluster;
    using client = await connect(cluster.endpoints[0]!);
    await assert.rejects(client.put("a", "b"), /space/);
    assert.ok(kept.bytes > QUOTA / 2, `${kept.bytes}`);
  }
  const restored = await bootRestored(here, lost, "new", `--quota-backend-bytes=${QUOTA}`);
  await using cluster = restored.cluster;
  using client = await connect(cluster.endpoints[0]!);
  await client.put("a", "b");
  assert.equal(`${Buffer.from((await client.get("kept"))!)}`, "here");
  assert.ok(restored.bytes < QUOTA / 8, `${restored.bytes}`);
});

for (const line of ETCD_LINES) {
  test(`a cluster of ${line} under the alarm CORRUPT comes back without it, or with it to be disarmed`, async () => {
    await using here = await station();
    await using lost = await startCluster({ line });
    {
      using client = await connect(lost.endpoints[0]!);
      await client.put("kept", "here");
      await client.raise("CORRUPT");
      await assert.rejects(client.put("a", "b"), /corrupt cluster/);
    }
    const { contents } = await here.backup(lost);
    assert.deepEqual(
      contents.alarms.map(({ alarm }) => alarm),
      ["CORRUPT"],
    );
    await lost.members[0]!.stop("SIGKILL");
    {
      const kept = await bootRestored(here, lost, "kept", "--keep-alarms");
      await using cluster = kept.cluster;
      assert.match(kept.told, /corruption +etcd found that the very member/);
      assert.match(kept.told, /Warning: alarm CORRUPT .* comes back with a restore/);
      using client = await connect(cluster.endpoints[0]!);
      await assert.rejects(client.put("a", "b"), /corrupt cluster/);
      assert.equal((await cluster.ctl("alarm", "disarm")).status, 0);
      await client.put("a", "b");
    }
    const restored = await bootRestored(here, lost, "new");
    await using cluster = restored.cluster;
    assert.match(restored.told, /clear alarms +CORRUPT of/);
    assert.doesNotMatch(restored.told, /comes back with a restore/);
    using client = await connect(cluster.endpoints[0]!);
    await client.put("a", "b");
    assert.equal(`${Buffer.from((await client.get("kept"))!)}`, "here");
    assert.equal((await cluster.ctl("alarm", "list")).stdout, "");
  });
}
