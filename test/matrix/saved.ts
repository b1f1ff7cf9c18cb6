/** A snapshot of the matrix: saved by `holdfast`, held against what the server sent and what etcd's tools say. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { withTrailer } from "../support/backend.ts";
import { connect } from "../support/client.ts";
import type { ServerHash } from "../support/client.ts";
import { contentsOf, contentsOfDump } from "../support/database.ts";
import type { Contents } from "../support/database.ts";
import { etcdBinaries } from "../support/etcd.ts";
import { holdfast } from "../support/holdfast.ts";
import { part } from "../support/parts.ts";
import { output, run } from "../support/program.ts";
import { recordingProxy } from "../support/recording-proxy.ts";
import { takeSnapshot } from "../support/restored.ts";
import type { Scratch } from "../support/scratch.ts";
import type { Source } from "./cells.ts";
import { CONTENTS } from "./contents.ts";
import { accessTo } from "./etcdctl.ts";
import { leasesOf } from "./leases.ts";
import type { HeldLease } from "./leases.ts";
import type { SourceCluster } from "./source.ts";

/** What `holdfast inspect -o json` prints, as far as it is looked at. */
export interface Report {
  readonly findings: readonly { readonly code: string; readonly severity: string }[];
  readonly trailer: string;
  readonly pageSize: number;
  readonly dbSize: number;
  readonly dbSizeInUse: number;
  readonly freelist: "persisted" | "rebuilt";
  readonly status: { readonly revision: number };
  readonly revision: number;
  readonly compactRevision: number;
  readonly rows: number;
  readonly liveKeys: number;
  readonly tombstones: number;
  readonly leases: number;
  readonly auth: { readonly enabled: boolean; readonly users: readonly string[] };
  readonly alarms: readonly { readonly memberId: string; readonly alarm: string }[];
  readonly members: readonly { readonly id: string }[];
  readonly largest: readonly { readonly key: string; readonly bytes: number }[];
  readonly mostRevised: readonly { readonly key: string; readonly revisions: number }[];
}

export interface SavedSnapshot {
  readonly file: string;
  /** Of the member that it was taken from, at its head. */
  readonly hash: ServerHash;
  /** The head of the member that it was taken from. */
  readonly head: bigint;
  /** The revision of the last row, 0n without any: where etcdutl's `--bump-revision` counts from. */
  readonly lastRow: bigint;
  /** Where ours counts from: from a later compaction, if there was one, as a server would. */
  readonly bumpedFrom: bigint;
  readonly leases: readonly HeldLease[];
}

const SETTLED_WITHIN_MS = 60_000;

/** Saves a snapshot and proves it in every way there is. */
export async function saveSnapshot(
  source: Source,
  from: SourceCluster,
  folder: Scratch,
): Promise<SavedSnapshot> {
  const theirs = folder.file("theirs.db");
  const sent = folder.file("ours.db");
  const hash = await saveWithEtcdctl(from, theirs);
  await saveThroughProxy(from, sent);
  await assertSameContents(sent, theirs);
  const file = source.freelist === "persisted" ? await persistFreelist(sent, folder) : sent;
  await assertStatus(file);
  const report = await inspect(file);
  assertSound(report, source);
  assert.deepEqual(await hashOf(file), hash);
  const [lastRow, compacted] = [report.status.revision, report.compactRevision].map(BigInt);
  using client = await connect(from.cluster.endpoints[from.member]!, from.cluster);
  return {
    file,
    hash,
    head: hash.revision,
    lastRow: lastRow!,
    bumpedFrom: lastRow! > compacted! ? lastRow! : compacted!,
    leases: await leasesOf(client),
  };
}

/** etcdctl's own snapshot, once the cluster has written all that it writes about itself in its first seconds. */
async function saveWithEtcdctl({ cluster, member }: SourceCluster, file: string) {
  const from = Date.now();
  for (;;) {
    const only = { ...cluster, endpoints: [cluster.endpoints[member]!] };
    const { hash } = await takeSnapshot(only, file);
    const { cluster: versions, members } = await contents(file);
    const text = JSON.stringify([versions, members].map((bucket) => bucket?.map(inText)));
    const published = cluster.members.every(({ name }) =>
      text.includes(`\\"name\\":\\"${name}\\"`),
    );
    if (published && text.includes(`"${cluster.line}.0"`)) return hash;
    if (Date.now() - from > SETTLED_WITHIN_MS) assert.fail(`not settled: ${text}`);
    await sleep(50);
  }
}

function inText([key, value]: readonly [string, string]): string[] {
  return [key, value].map((hex) => Buffer.from(hex, "hex").toString());
}

async function contents(file: string): Promise<Contents> {
  return contentsOf(new Uint8Array((await readFile(file)).subarray(0, -32)));
}

async function saveThroughProxy({ cluster, member }: SourceCluster, file: string): Promise<void> {
  await using proxy = await recordingProxy(cluster, member);
  const { flags, env } = accessTo(cluster, proxy.url);
  const { status, stdout, stderr } = await holdfast(["snapshot", "save", file, ...flags], { env });
  assert.equal(status, 0, stderr);
  assert.ok(stdout.startsWith(`Snapshot saved at ${file}\n`), stdout);
  assert.equal(proxy.snapshots.length, 1, "one snapshot was asked for");
  assert.ok(proxy.snapshots[0]!.equals(await readFile(file)), "the bytes are those that were sent");
}

/** In all buckets but `meta`: it counts what is applied, and that goes on by itself. */
async function assertSameContents(ours: string, theirs: string): Promise<void> {
  const bbolt = join(await part("bbolt"), "bbolt");
  const { meta: _ours, ...our } = await contents(ours);
  const { meta: _theirs, ...their } = contentsOfDump(await output(bbolt, ["dump", theirs]));
  assert.deepEqual(our, their);
}

/** The same contents in a file with a persisted freelist, which servers read but do not send. */
async function persistFreelist(file: string, folder: Scratch): Promise<string> {
  const bbolt = join(await part("bbolt"), "bbolt");
  const [bare, persisted] = [folder.file("bare.db"), folder.file("persisted.db")];
  const { pageSize } = await inspect(file);
  const flags = [`--page-size=${pageSize}`, "--freelist=persisted"];
  await output(bbolt, ["rewrite", ...flags, file, bare]);
  // bbolt makes files longer than it needs; servers send nothing behind the last page
  const { dbSize } = await inspect(bare);
  await writeFile(persisted, withTrailer((await readFile(bare)).subarray(0, dbSize)));
  return persisted;
}

async function assertStatus(file: string): Promise<void> {
  const { etcdutl } = await etcdBinaries("3.6");
  const args = ["snapshot", "status", file, "-w", "json"];
  const [ours, theirs] = [await holdfast(args), await run(etcdutl!, args)];
  assert.deepEqual([theirs.status, ours.status], [0, 0], theirs.stderr + ours.stderr);
  assert.equal(ours.stdout, theirs.stdout);
}

async function inspect(file: string): Promise<Report> {
  const { status, stdout, stderr } = await holdfast(["inspect", file, "-o", "json"]);
  assert.equal(status, 0, stdout + stderr);
  return JSON.parse(stdout) as Report;
}

/** Nothing is found in it but alarms, and it is what it should be. */
function assertSound(report: Report, source: Source): void {
  assert.deepEqual(
    report.findings.map(({ code, severity }) => `${severity} ${code}`),
    report.alarms.map(() => "warning alarm-raised"),
  );
  assert.equal(report.trailer, "verified");
  assert.equal(report.freelist, source.freelist === "persisted" ? "persisted" : "rebuilt");
  if (source.pages !== "own") assert.equal(report.pageSize, source.pages);
  const secured = source.security === "TLS and auth";
  assert.equal(report.auth.enabled, secured);
  assert.deepEqual(report.auth.users, secured ? ["root"] : []);
  assert.equal(report.members.length, source.members);
  CONTENTS[source.contents].recognize(report, source);
}

/** What `holdfast hashkv FILE` says, of a snapshot or of a database in a data dir. */
export async function hashOf(file: string): Promise<ServerHash> {
  const { status, stdout, stderr } = await holdfast(["hashkv", file, "-w", "json"]);
  assert.equal(status, 0, stderr);
  const found = JSON.parse(stdout) as Record<string, number>;
  return {
    hash: found["hash"]!,
    revision: BigInt(found["hashRevision"]!),
    compactRevision: BigInt(found["compactRevision"]!),
  };
}
