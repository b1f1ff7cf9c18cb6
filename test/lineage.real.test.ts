/** A cluster that was restored to an older revision and is backed up again under the same name; and two stores. */
import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Manifest } from "../src/repository/manifest.ts";
import { connect } from "./support/client.ts";
import { bootCluster, startCluster, type Cluster } from "./support/etcd.ts";
import { connectionFlags, station } from "./support/station.ts";

async function write(cluster: Cluster, count: number): Promise<void> {
  using client = await connect(cluster.endpoints[0]!, cluster);
  for (let i = 0; i < count; i++) await client.put("written", `${i}`);
}

test("latest, list, retention and restore follow the lineage, not the revision", async () => {
  await using here = await station();
  await using lost = await startCluster({ line: "3.6" });
  await write(lost, 5);
  const early = await here.backup(lost);
  await write(lost, 20);
  const late = await here.backup(lost);
  assert.equal(late.previous?.id, early.id);

  const dataDir = here.file("etcd");
  const back = ["restore", early.id, ...here.reading, `--data-dir=${dataDir}`];
  assert.equal((await here.run([...back, "--exact-revision"])).status, 0);
  await lost.members[0]!.stop("SIGKILL");
  await using again = await bootCluster({
    line: "3.6",
    members: [{ ...lost.members[0]!, dataDir }],
  });
  await write(again, 1);
  const newest = await here.backup(again);
  assert.ok(BigInt(newest.revision) < BigInt(late.revision));
  assert.deepEqual([early.lineage, late.lineage, newest.lineage], [1, 1, 2]);
  assert.equal(newest.previous?.id, late.id);

  const ids = (all: readonly Manifest[]): string[] => all.map(({ id }) => id);
  assert.deepEqual(ids(await here.list()), ids([newest, late, early]));
  const plan = await here.run([
    "restore",
    ...here.reading,
    "--data-dir=x",
    "--dry-run",
    "-o",
    "json",
  ]);
  const { id, revision, bump } = JSON.parse(plan.stdout) as {
    id: string;
    revision: string;
    bump: { reason: string };
  };
  assert.equal(id, newest.id);
  assert.equal(BigInt(revision), BigInt(late.revision) + 1_000_000_000n);
  assert.match(bump.reason, new RegExp(`past ${late.revision}, the highest on record`));

  const proving = [...here.reading, `--signing-key=${here.key("signing-key")}`];
  assert.equal((await here.run(["verify", early.id, "--read-data", ...proving])).status, 0);
  const place = [`--repo=${here.repo}`, "--cluster=prod"];
  const signers = `--allowed-signers=${here.key("allowed-signers")}`;
  const pruned = await here.run(["prune", "--keep-last=1", ...place, signers, "--yes"]);
  assert.equal(pruned.status, 0, pruned.stderr);
  // the last one proven of the older lineage stays
  assert.deepEqual(ids(await here.list()), ids([newest, early]));
});

test("of two stores one is not there: the other is enough, or it is not, and copy catches up", async () => {
  await using here = await station();
  await using cluster = await startCluster({ line: "3.6" });
  await write(cluster, 3);
  const second = here.file("second");
  const argv = ["backup", ...here.writing, `--repo=${second}`, ...connectionFlags(cluster)];
  const strict = await here.run(argv);
  assert.equal(strict.status, 34);
  assert.match(strict.stderr, /1 of 2 repositories can be used, 2 required: .*second: there is no/);
  assert.deepEqual(await here.list(), []);

  const { status, stderr } = await here.run([...argv, "--required=1"]);
  assert.equal(status, 0, stderr);
  const told =
    /the backup is NOT in (.*); when that is well: holdfast (copy --repo (.*) --to (.*) --cluster .*)/;
  const [, missing, command, from, to] = told.exec(stderr) ?? [];
  assert.deepEqual([missing, from, to], [second, here.repo, second], stderr);
  const copied = await here.run([...command!.split(" "), "--init"]);
  assert.equal(copied.status, 0, copied.stderr);
  const [manifest] = await here.list();
  for (const file of [`${manifest!.id}.json`, `${manifest!.id}.json.sig`])
    assert.deepEqual(
      await readFile(join(second, "prod", "backups", file)),
      await readFile(join(here.repo, "prod", "backups", file)),
    );

  await write(cluster, 1);
  const both = await here.run([...argv, "-o", "json"]);
  assert.equal(both.status, 0, both.stderr);
  const { id, previous } = JSON.parse(both.stdout) as Manifest;
  assert.equal(previous?.id, manifest!.id);
  await rm(here.repo, { recursive: true });
  const reading = here.reading.filter((flag) => !flag.startsWith("--repo"));
  const repos = [`--repo=${here.repo}`, `--repo=${second}`];
  const restored = await here.run([
    "restore",
    ...repos,
    ...reading,
    `--data-dir=${here.file("etcd")}`,
  ]);
  assert.equal(restored.status, 0, restored.stderr);
  assert.match(restored.stdout, new RegExp(`^Restored ${id}`));
  assert.match(restored.stderr, /repository is left out/);
});
