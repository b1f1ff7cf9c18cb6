/** The whole way: a cluster, its backup in a repository, and a cluster of it again, with the hash that was foretold. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Manifest } from "../src/repository/manifest.ts";
import { runForBytes } from "./support/cli.ts";
import { connect } from "./support/client.ts";
import { bootCluster, startCluster, type Cluster, type EtcdLine } from "./support/etcd.ts";
import { fill } from "./support/fill.ts";
import { startHoldfast } from "./support/holdfast.ts";
import { assertLives, fillWithHistory } from "./support/restored.ts";
import { connectionFlags, station, type Station } from "./support/station.ts";
import { stockOutput } from "./support/stock.ts";

interface Restored {
  readonly revision: string;
  readonly dataDirs: readonly { member: string; dataDir: string }[];
  readonly predicted: { hash: number; revision: string; compactRevision: string };
}

async function restore(from: Station, ...flags: string[]): Promise<Restored> {
  const argv = ["restore", ...from.reading, ...flags, "-o", "json"];
  const { status, stdout, stderr } = await from.run(argv);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Restored;
}

/** Starts restored members where those of the lost cluster were, and compares every member's hash with the foretold one. */
async function bootInPlaceOf(lost: Cluster, { dataDirs, predicted }: Restored): Promise<Cluster> {
  for (const one of lost.members) await one.stop("SIGKILL");
  const members = dataDirs.map(({ member, dataDir }) => {
    return { ...lost.members.find(({ name }) => name === member)!, dataDir };
  });
  const { line, certificates, auth } = lost;
  const cluster = await bootCluster({
    line,
    members,
    ...(certificates !== undefined && { certificates }),
    ...(auth && { auth }),
  });
  for (const endpoint of cluster.endpoints) {
    using client = await connect(endpoint, cluster);
    const { hash, revision, compactRevision } = await client.hashKV();
    assert.deepEqual(
      { hash, revision: String(revision), compactRevision: String(compactRevision) },
      predicted,
    );
  }
  return cluster;
}

function requireConfirmed({ hashKV, source, previous, lineage }: Manifest): void {
  assert.deepEqual(
    [hashKV.isConfirmed, source?.memberName, previous, lineage],
    [true, "m1", null, 1],
  );
}

test("one member of 3.6: backed up, listed, proven, restored twice, and it lives", async () => {
  await using here = await station();
  await using lost = await startCluster({ line: "3.6" });
  await fillWithHistory(lost.endpoints[0]!);
  const manifest = await here.backup(lost);
  requireConfirmed(manifest);
  const [listed] = await here.list();
  assert.equal(listed?.id, manifest.id);

  const proving = [...here.reading, `--signing-key=${here.key("signing-key")}`];
  const verified = await here.run(["verify", "--read-data", ...proving]);
  assert.match(verified.stdout, new RegExp(`^ok {2}${manifest.id} {2}contents`));

  const raised = await restore(here, `--data-dir=${here.file("raised")}`);
  assert.equal(raised.revision, String(BigInt(manifest.revision) + 1_000_000_000n));
  {
    await using cluster = await bootInPlaceOf(lost, raised);
    await assertLives(cluster, BigInt(raised.revision));
  }
  const exact = await restore(
    here,
    manifest.id,
    `--data-dir=${here.file("exact")}`,
    "--exact-revision",
  );
  assert.deepEqual(
    [exact.predicted.hash, exact.predicted.revision],
    [manifest.hashKV.hash, manifest.revision],
  );
  await using cluster = await bootInPlaceOf(lost, exact);
  await assertLives(cluster, BigInt(manifest.revision));
});

test("three members of 3.5, all written at once under one token", async () => {
  await using here = await station();
  await using lost = await startCluster({ line: "3.5", members: 3 });
  await fillWithHistory(lost.endpoints[0]!);
  await here.backup(lost);
  const unsaid = await here.run(["restore", ...here.reading, `--data-dir=${here.file("x")}`]);
  assert.equal(unsaid.status, 128);
  assert.match(unsaid.stderr, /had 3 members: m\d, m\d, m\d\n.*--member NAME/);
  const all = await restore(here, `--data-dir=${here.file("all")}`, "--all-members");
  assert.deepEqual(
    all.dataDirs.map(({ member, dataDir }) => [member, dataDir]).toSorted(),
    ["m1", "m2", "m3"].map((name) => [name, here.file("all", name)]),
  );
  await using cluster = await bootInPlaceOf(lost, all);
  await assertLives(cluster, BigInt(all.revision));
});

test("three members written one by one, by the commands that the first restore prints", async () => {
  await using here = await station();
  await using lost = await startCluster({ line: "3.6", members: 3 });
  await fillWithHistory(lost.endpoints[0]!);
  await here.backup(lost);
  const first = ["restore", ...here.reading, "--member=m1", `--data-dir=${here.file("m1")}`];
  const { stdout } = await here.run(first);
  const printed = [...stdout.matchAll(/on the host of (m\d): holdfast (.*) --data-dir=…/g)];
  assert.deepEqual(printed.map(([, name]) => name).toSorted(), ["m2", "m3"]);
  const results = new Map<string, Restored>();
  for (const [, name, command] of printed) {
    const words = command!.replaceAll("'", "").split(" ");
    const keys = here.reading.filter((flag) => !flag.startsWith("--repo"));
    const argv = [...words, ...keys, `--data-dir=${here.file(name!)}`, "-o", "json"];
    const { status, stdout: json, stderr } = await here.run(argv);
    assert.equal(status, 0, stderr);
    results.set(name!, JSON.parse(json) as Restored);
  }
  const { predicted, revision } = results.get("m2")!;
  assert.deepEqual(results.get("m3")!.predicted, predicted);
  const dataDirs = ["m1", "m2", "m3"].map((member) => ({ member, dataDir: here.file(member) }));
  await using cluster = await bootInPlaceOf(lost, { dataDirs, predicted, revision });
  await assertLives(cluster, BigInt(revision));
});

test("with TLS and a password, which is back after the restore", async () => {
  await using here = await station();
  await using lost = await startCluster({ line: "3.7", tls: true, auth: true });
  await fillWithHistory(lost.endpoints[0]!, lost);
  const manifest = await here.backup(lost);
  assert.equal(manifest.contents.authEnabled, true);
  const plan = await here.run(["restore", ...here.reading, "--data-dir=x", "--dry-run"]);
  assert.match(plan.stdout, /auth +is on, with the users and passwords of that time/);
  const restored = await restore(here, `--data-dir=${here.file("etcd")}`);
  await using cluster = await bootInPlaceOf(lost, restored);
  assert.equal((await cluster.ctl("get", "/", "--prefix", "--limit=1")).status, 0);
  const again = await here.run(["restore", ...here.reading, `--data-dir=${here.file("again")}`]);
  const ask = /^ {2}holdfast hashkv --endpoints=https:\S+ --cacert=… --cert=… --key=… --user=…$/m;
  assert.match(again.stdout, ask);
});

for (const line of ["3.4", "3.5", "3.7"] satisfies EtcdLine[]) {
  test(`a member of ${line} says the same as its snapshot, also after a compaction`, async () => {
    await using here = await station();
    await using cluster = await startCluster({ line });
    await fillWithHistory(cluster.endpoints[0]!);
    requireConfirmed(await here.backup(cluster));
  });
}

test("cat gives what etcd sent, and the sealed report is what inspect says of it", async () => {
  await using here = await station();
  await using cluster = await startCluster({ line: "3.6" });
  await fillWithHistory(cluster.endpoints[0]!);
  const { id, snapshot, objects } = await here.backup(cluster);
  const { status, stdout: sent, stderr } = await runForBytes(["cat", id, ...here.reading]);
  assert.equal(status, 0, stderr);
  const digest = createHash("sha256").update(sent.subarray(0, -32)).digest();
  assert.deepEqual(digest, sent.subarray(-32));
  assert.equal(digest.toString("hex"), snapshot.sha256);

  const report = objects.find(({ role }) => role === "report")!;
  const identity = `-i=${here.key("identity.txt")}`;
  const opened = await stockOutput("age", ["-d", identity, `${here.repo}/${report.key}`]);
  const stored: unknown = JSON.parse(`${await stockOutput("zstd", ["-d"], { input: opened })}`);
  const inspected = await here.run(["inspect", "-", "--top=20", "-o", "json"], { input: sent });
  assert.deepEqual(stored, { ...JSON.parse(inspected.stdout), snapshot: id });
});

test("an interrupted backup ends at once with its status, and leaves nothing", async () => {
  await using here = await station();
  await using cluster = await startCluster({ line: "3.6" });
  await fill(cluster.endpoints[0]!, { keys: 3000, seed: 4 });
  const argv = ["backup", ...here.writing, ...connectionFlags(cluster), "--limit-upload=100k"];
  const running = startHoldfast(argv);
  await running.wrote(/taking the snapshot/);
  running.kill("SIGINT");
  const { status, stdout, stderr } = await running.finished;
  assert.deepEqual([status, stdout], [130, ""], stderr);
  const left = await readdir(here.repo, { recursive: true });
  assert.deepEqual(
    left.filter((name) => /\.(json|zst|age|sig)/.test(name)),
    ["holdfast.json"],
  );
});

test("the data dir of a running member is refused, and of a stopped one kept aside", async () => {
  await using here = await station();
  await using cluster = await startCluster({ line: "3.6" });
  await fillWithHistory(cluster.endpoints[0]!);
  await here.backup(cluster);
  const { dataDir } = cluster.members[0]!;
  const argv = ["restore", ...here.reading, `--data-dir=${dataDir}`];
  const refused = await here.run([...argv, "--yes"]);
  assert.equal(refused.status, 61, refused.stderr);
  await cluster.members[0]!.stop();
  const old = await readFile(join(dataDir, "member", "snap", "db"));
  assert.equal((await here.run(argv)).status, 57);
  const { aside } = (await restore(here, `--data-dir=${dataDir}`, "--yes"))
    .dataDirs[0] as unknown as {
    aside: [{ to: string }];
  };
  assert.deepEqual(await readFile(join(aside[0].to, "member", "snap", "db")), old);
  await rm(aside[0].to, { recursive: true });
  await cluster.members[0]!.start();
});
