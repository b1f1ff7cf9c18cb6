/**
 * A cluster is filled, backed up into a sealed repository, lost and brought back, with a real etcd on loopback. Everything
 * lies in one temporary folder, which goes away however this ends.
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
async function demo(folder: string): Promise<void> {
  const [clientURL, peerURL] = (await freeURLs(2)) as [string, string];
  const place: Place = { name: "demo", dataDir: join(folder, "etcd"), clientURL, peerURL };
  const repository = `--repo=${join(folder, "repository")}`;
  const keys = join(folder, "keys");

  step("A cluster begins: a real etcd on loopback, with an empty data dir.");
  const lost = await boot(place);
  step(
    `It fills with ${OBJECTS.toLocaleString("en")} objects as Kubernetes keeps them; some are changed, some deleted.`,
  );
  await fill(clientURL, { keys: OBJECTS, seed: 1 });
  remark("done by this program, over gRPC");

  step("A repository is made in a folder, with keys and a page that brings everything back.");
  await holdfast("init", repository, `--out=${keys}`);
  step("Its member hashes its whole history. This is what has to come back.");
  const before = await hashOfCluster(place);
  step("One pass: proven, compressed, sealed, stored, compared with the member, signed.");
  const record = `--signing-key=${keys}/signing-key`;
  const sealing = [`--recipients-file=${keys}/recipients.txt`, record];
  await holdfast("backup", repository, `--endpoints=${clientURL}`, ...sealing);
  const signers = `--allowed-signers=${keys}/allowed-signers`;
  const identity = `--identity=${keys}/identity.txt`;
  step("The backup is opened at rest and read to its last key, and that is put on record.");
  await holdfast("verify", repository, "--read-data", identity, signers, record);
  await holdfast("list", repository, signers);

  step("Disaster: the only member is killed, and its data dir is deleted.");
  showCommand("kill", ["-9", String(lost.pid)]);
  await lost.stop("SIGKILL");
  await runCommand("rm", "-r", place.dataDir);

  step("The newest backup is restored: the plan, then the proof.");
  const restore = ["restore", "latest", repository, identity, signers];
  await holdfast(...restore, `--data-dir=${place.dataDir}`, "--exact-revision");
  step("etcd starts on it, and hashes what it has now.");
  const restored = await boot(place);
  const after = await hashOfCluster(place);
  await restored.stop();
  assert.deepEqual(after, before, "the restored cluster is not the one that was backed up");
  remark(`the same hash, ${after.hash}, at the same revision: nothing is missing or different`);

  await demoForKubernetes(restore, { ...place, dataDir: join(folder, "kubernetes") });
}

/** The same once more, as it is done by default: with the revision raised beyond all that a client may have seen. */
async function demoForKubernetes(restore: readonly string[], place: Place): Promise<void> {
  step(
    "For Kubernetes the revision is raised: no watch or cache can take the old state for the new. That is the default.",
  );
  const told = await holdfast(...restore, `--data-dir=${place.dataDir}`, "-o", "json");
  const { predicted } = JSON.parse(told) as { predicted: Prediction };
  step("It starts, and hashes what it has.");
  const raised = await boot(place);
  const found = await hashOfCluster(place);
  await raised.stop();
  const { hash, revision, compactRevision } = predicted;
  const foretold = {
    hash,
    hashRevision: Number(revision),
    compactRevision: Number(compactRevision),
  };
  assert.deepEqual(found, foretold, "the raised cluster is not the one that was foretold");
  remark(`as foretold, ${found.hash}, at revision ${found.hashRevision}`);
}

/** What a restore says that every member must answer. */
interface Prediction {
  readonly hash: number;
  readonly revision: string;
  readonly compactRevision: string;
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

await using folder = await scratch();
await demo(folder.path);
console.log("\nDone. Everything that was made for it is removed.");
