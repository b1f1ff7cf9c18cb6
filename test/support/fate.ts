/** What becomes of a damaged snapshot when it is restored by etcdutl all the same. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "./client.ts";
import { runPatiently } from "./damage.ts";
import { bootCluster, etcdBinaries, freeURLs } from "./etcd.ts";
import type { Cluster, EtcdLine } from "./etcd.ts";
import { part } from "./parts.ts";
import { clusterFlags } from "./restored.ts";
import { scratch } from "./scratch.ts";

export interface Fate {
  /** Restored, booted, with the HashKV that the source had, and still so after some more work. */
  readonly isSame: boolean;
  /** How far it came. */
  readonly story: string;
}

/** The data that the source had at its head. */
export interface Wanted {
  readonly hash: number;
  readonly revision: bigint;
}

const BOOTS_WITHIN_MS = 20_000;

/** Restores without looking at the hash, boots a server of `line`, and lets it work. */
export async function fateOf(file: Uint8Array, wanted: Wanted, line: EtcdLine): Promise<Fate> {
  await using folder = await scratch();
  const path = folder.file("snapshot.db");
  await writeFile(path, file);
  const [clientURL, peerURL] = (await freeURLs(2)) as [string, string];
  const place = { name: "r1", dataDir: folder.file("data"), clientURL, peerURL };
  const { etcdutl } = await etcdBinaries(line);
  const flags = ["--skip-hash-check", `--data-dir=${place.dataDir}`];
  flags.push(...clusterFlags(place, [place]));
  const restored = await runPatiently(etcdutl!, ["snapshot", "restore", path, ...flags]);
  if (restored.status !== 0) return { isSame: false, story: `restore: ${restored.stderr}` };
  const booting = bootCluster({ line, members: [place] });
  const cluster = await Promise.race([
    booting.catch((error: Error) => error.message),
    sleep(BOOTS_WITHIN_MS, "does not become healthy", { ref: false }),
  ]);
  if (typeof cluster === "string") {
    void booting.then((late) => late.stop()).catch(() => {});
    return { isSame: false, story: `boot: ${cluster}` };
  }
  try {
    return await work(cluster, wanted);
  } finally {
    await cluster.stop();
  }
}

async function work(cluster: Cluster, { hash, revision }: Wanted): Promise<Fate> {
  const [member] = cluster.members;
  using client = await connect(cluster.endpoints[0]!);
  const hashNow = () => client.hashKV(revision).then((found) => found.hash, String);
  const first = await hashNow();
  if (first !== hash) return { isSame: false, story: `HashKV: ${first}, wanted ${hash}` };
  for (let i = 0; i < 30; i++) await client.put(`more/${i % 4}`, new Uint8Array(20_000));
  const then = await hashNow();
  if (then !== hash) return { isSame: false, story: `HashKV after some writes: ${then}` };
  await member!.stop();
  const database = join(member!.dataDir, "member", "snap", "db");
  const check = await runPatiently(join(await part("bbolt"), "bbolt"), ["check", database]);
  return { isSame: check.status === 0, story: `it lives; check: ${check.stdout}${check.stderr}` };
}
