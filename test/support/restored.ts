/** Snapshots of real clusters, restored by `holdfast snapshot restore` and started again. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { textBytes } from "../../src/format/bytes.ts";
import { runCommand } from "./cli.ts";
import { connect } from "./client.ts";
import type { ConnectOptions, ServerHash } from "./client.ts";
import { bootCluster, etcdBinaries, freeURLs, startCluster } from "./etcd.ts";
import type { BootOptions, Cluster, EtcdLine, Place } from "./etcd.ts";
import { fill } from "./fill.ts";
import { PortTaken } from "./member.ts";
import { output } from "./program.ts";
import { scratch } from "./scratch.ts";
import type { Scratch } from "./scratch.ts";

/** A snapshot file, and what its cluster said of itself at that revision. */
export interface TakenSnapshot {
  readonly file: string;
  readonly hash: ServerHash;
}

/** Saves a snapshot of the first member with etcdctl; nothing may be written meanwhile. */
export async function takeSnapshot(cluster: Cluster, file: string): Promise<TakenSnapshot> {
  const { line, endpoints, tls, auth } = cluster;
  const { etcdctl } = await etcdBinaries(line);
  const args = ["snapshot", "save", file, `--endpoints=${endpoints[0]}`];
  if (tls) args.push(`--cacert=${tls.caFile}`, `--cert=${tls.certFile}`, `--key=${tls.keyFile}`);
  if (auth) args.push(`--user=${auth.user}:${auth.password}`);
  await output(etcdctl, args, { env: line === "3.4" ? { ETCDCTL_API: "3" } : {} });
  using client = await connect(endpoints[0]!, cluster);
  return { file, hash: await client.hashKV() };
}

/** Overwrites, deletions, leases and a compaction, with history on both sides of it. */
export async function fillWithHistory(url: string, options: ConnectOptions = {}): Promise<void> {
  await fill(url, { keys: 120, seed: 7, ...options });
  using client = await connect(url, options);
  await client.compact((await client.status()).revision - 20n);
  for (let i = 0; i < 5; i++) await client.put("history", `after the compaction ${i}`);
  await client.deleteRange("history");
}

/** One snapshot of a filled single member of each line. */
export async function snapshotsOf(
  lines: readonly EtcdLine[],
  folder: Scratch,
): Promise<Map<EtcdLine, TakenSnapshot>> {
  const snapshots = new Map<EtcdLine, TakenSnapshot>();
  for (const line of lines) {
    await using cluster = await startCluster({ line });
    await fillWithHistory(cluster.endpoints[0]!);
    snapshots.set(line, await takeSnapshot(cluster, folder.file(`${line}.db`)));
  }
  return snapshots;
}

export interface RestoreAndBoot {
  readonly snapshot: string;
  readonly line: EtcdLine;
  readonly members?: 1 | 3;
  /** More flags for `snapshot restore`. */
  readonly flags?: readonly string[];
  readonly auth?: NonNullable<BootOptions["auth"]>;
}

const PORT_ATTEMPTS = 5;

/** Restores every member into a folder that goes away with the cluster, and starts them all. */
export async function restoreAndBoot(options: RestoreAndBoot): Promise<Cluster> {
  for (let attempt = 1; ; attempt++) {
    await using cleanup = new AsyncDisposableStack();
    const folder = cleanup.use(await scratch());
    const places = await freePlaces(folder.path, options.members ?? 1);
    for (const place of places) await restoreMember(options, place, places);
    const { line, auth } = options;
    try {
      const cluster = await bootCluster({ line, members: places, ...(auth && { auth }) });
      const kept = cleanup.move();
      const stop = async () => {
        await cluster.stop();
        await kept.disposeAsync();
      };
      return { ...cluster, stop, [Symbol.asyncDispose]: stop };
    } catch (error) {
      if (!(error instanceof PortTaken) || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function freePlaces(folder: string, count: number): Promise<Place[]> {
  const urls = await freeURLs(2 * count);
  return Array.from({ length: count }, (_, i) => {
    const name = `r${i + 1}`;
    return { name, dataDir: join(folder, name), clientURL: urls[i]!, peerURL: urls[count + i]! };
  });
}

async function restoreMember(
  { snapshot, flags = [] }: RestoreAndBoot,
  place: Place,
  all: readonly Place[],
): Promise<void> {
  const { status, stdout, stderr } = await runCommand([
    "snapshot",
    "restore",
    snapshot,
    `--data-dir=${place.dataDir}`,
    ...clusterFlags(place, all),
    ...flags,
  ]);
  assert.equal(status, 0, stderr);
  assert.equal(stdout, "");
}

/** The flags with which etcdutl and holdfast restore one of these members. */
export function clusterFlags(
  place: Pick<Place, "name" | "peerURL">,
  all: readonly Pick<Place, "name" | "peerURL">[],
): string[] {
  return [
    `--name=${place.name}`,
    `--initial-cluster=${all.map(({ name, peerURL }) => `${name}=${peerURL}`).join(",")}`,
    "--initial-cluster-token=restored",
    `--initial-advertise-peer-urls=${place.peerURL}`,
  ];
}

/** Every member serves the snapshot's rows under the new membership. */
export async function assertRestored(cluster: Cluster, { hash }: TakenSnapshot): Promise<void> {
  for (const endpoint of cluster.endpoints) {
    using client = await connect(endpoint, cluster);
    const { hash: restored, compactRevision } = await client.hashKV();
    assert.deepEqual(
      { hash: restored, compactRevision },
      { hash: hash.hash, compactRevision: hash.compactRevision },
    );
    assert.equal((await client.status()).revision, hash.revision);
  }
  await assertMembers(cluster);
}

async function assertMembers(cluster: Cluster): Promise<void> {
  const { stdout, stderr } = await cluster.ctl("member", "list");
  const found = stdout
    .trim()
    .split("\n")
    .map((line) => line.split(", "));
  assert.deepEqual(
    found.map(([, , , peerURL]) => peerURL).toSorted(),
    cluster.members.map(({ peerURL }) => peerURL).toSorted(),
    stdout + stderr,
  );
}

/** It takes writes, at the next revision, and keeps them over a restart of every member in turn. */
export async function assertLives(cluster: Cluster, revision: bigint): Promise<void> {
  const [first] = cluster.members;
  {
    using client = await connect(cluster.endpoints[0]!, cluster);
    assert.equal(await client.put("restored", "and written to"), revision + 1n);
  }
  for (const member of cluster.members) {
    await member.stop();
    await member.start();
  }
  using client = await connect(first!.clientURL, cluster);
  assert.deepEqual(await client.get("restored"), new Uint8Array(textBytes("and written to")));
  await assertMembers(cluster);
}
