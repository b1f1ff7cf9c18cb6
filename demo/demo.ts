/**
 * A cluster is filled, saved, lost and brought back, with a real etcd on loopback. Everything lies in one temporary
 * folder, which goes away however this ends.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { etcdBinaries, freeURLs, type Place } from "../test/support/etcd.ts";
import { fill } from "../test/support/fill.ts";
import { BIN } from "../test/support/holdfast.ts";
import { member, type Member } from "../test/support/member.ts";
import { scratch } from "../test/support/scratch.ts";
import { remark, runCommand, showCommand, step } from "./show.ts";

const LINE = "3.6";
const OBJECTS = 8000;
/** What etcd's documentation recommends: more than a week of changes, at 1500 a second. */
const BUMP = 1_000_000_000;

async function demo(folder: string): Promise<void> {
  const snapshot = join(folder, "snapshot.db");
  const [clientURL, peerURL] = (await freeURLs(2)) as [string, string];
  const place: Place = { name: "demo", dataDir: join(folder, "etcd"), clientURL, peerURL };

  step("A cluster begins: a real etcd on loopback, with an empty data dir.");
  const lost = await boot(place);
  step(
    `It fills with ${OBJECTS.toLocaleString("en")} objects as Kubernetes keeps them; some are changed, some deleted.`,
  );
  await fill(clientURL, { keys: OBJECTS, seed: 1 });
  remark("done by this program, over gRPC");

  step("Its member hashes its whole history. This is what has to come back.");
  const before = await hashOfCluster(place);
  step("A snapshot is saved, and proven while it streams.");
  await holdfast("snapshot", "save", snapshot, `--endpoints=${clientURL}`);
  step("Its status, as etcdutl prints it.");
  await holdfast("snapshot", "status", snapshot, "--write-out=table");
  step("What one pass over it proves and learns.");
  await holdfast("inspect", snapshot, "--top=3");

  step("Disaster: the only member is killed, and its data dir is deleted.");
  showCommand("kill", ["-9", String(lost.pid)]);
  await lost.stop("SIGKILL");
  await runCommand("rm", "-r", place.dataDir);

  step("The data dir is made anew from the snapshot, which is proven again on the way.");
  await holdfast("snapshot", "restore", snapshot, ...clusterFlags(place));
  step("etcd starts on it, and hashes what it has now.");
  const restored = await boot(place);
  const after = await hashOfCluster(place);
  await restored.stop();
  assert.deepEqual(after, before, "the restored cluster is not the one that was saved");
  remark(`the same hash, ${after.hash}, at the same revision: nothing is missing or different`);

  await demoForKubernetes(snapshot, before, { ...place, dataDir: join(folder, "kubernetes") });
}

/** The same once more, with the revision raised beyond all that a client may have seen. */
async function demoForKubernetes(snapshot: string, before: Hash, place: Place): Promise<void> {
  step(
    "For Kubernetes the revision is raised: no watch or cache can take the old state for the new.",
  );
  const flags = [...clusterFlags(place), `--bump-revision=${BUMP}`, "--mark-compacted"];
  await holdfast("snapshot", "restore", snapshot, ...flags);
  step("The hash of that cluster is known before it starts.");
  const predicted = await hashOfFile(join(place.dataDir, "member", "snap", "db"));
  step("It starts, and hashes what it has.");
  const restored = await boot(place);
  const found = await hashOfCluster(place);
  await restored.stop();
  assert.deepEqual(found, predicted, "the raised cluster is not the one that was predicted");
  assert.equal(found.hashRevision, before.hashRevision + BUMP);
  remark(`as predicted, ${found.hash}, at revision ${found.hashRevision}`);
}

/** As `hashkv` tells it. */
interface Hash {
  readonly hash: number;
  readonly hashRevision: number;
  readonly compactRevision: number;
}

async function hashOfCluster({ clientURL }: Place): Promise<Hash> {
  const output = await holdfast("hashkv", `--endpoints=${clientURL}`, "--write-out=json");
  const [only] = JSON.parse(output) as [Hash];
  return hashOnly(only);
}

async function hashOfFile(path: string): Promise<Hash> {
  return hashOnly(JSON.parse(await holdfast("hashkv", path, "--write-out=json")) as Hash);
}

function hashOnly({ hash, hashRevision, compactRevision }: Hash): Hash {
  return { hash, hashRevision, compactRevision };
}

function holdfast(...args: string[]): Promise<string> {
  return runCommand(BIN, ...args);
}

/** Starts etcd on a data dir and waits until it serves. */
async function boot(place: Place): Promise<Member> {
  const { name, dataDir, clientURL, peerURL } = place;
  const { etcd } = await etcdBinaries(LINE);
  const args = [
    `--name=${name}`,
    `--data-dir=${dataDir}`,
    `--listen-client-urls=${clientURL}`,
    `--advertise-client-urls=${clientURL}`,
    `--listen-peer-urls=${peerURL}`,
    `--initial-advertise-peer-urls=${peerURL}`,
    `--initial-cluster=${name}=${peerURL}`,
    "--log-level=error",
  ];
  showCommand(etcd, args, " &");
  const server = member({ ...place, program: etcd, args, tls: undefined });
  await server.start();
  return server;
}

/** What the restored data dir must be for. */
function clusterFlags({ name, dataDir, peerURL }: Place): string[] {
  return [
    `--data-dir=${dataDir}`,
    `--name=${name}`,
    `--initial-cluster=${name}=${peerURL}`,
    "--initial-cluster-token=restored", // never that of the old cluster: its members would be taken for new ones
    `--initial-advertise-peer-urls=${peerURL}`,
  ];
}

await using folder = await scratch();
await demo(folder.path);
console.log("\nDone. Everything that was made for it is removed.");
