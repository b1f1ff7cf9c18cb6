/** A running etcd 3.6 that holds an input, and what is in a snapshot of it. */
import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { bootCluster, etcdBinaries, freeURLs, type Cluster } from "../test/support/etcd.ts";
import { output } from "../test/support/program.ts";
import { CACHE } from "./input.ts";

/** More than any input: a server over its quota raises an alarm. */
const QUOTA_BYTES = 32 * 2 ** 30;

/** Starts a member on a data dir restored from `snapshot`; the data dir is kept for the next time. */
export async function serve(snapshot: string): Promise<Cluster> {
  const dataDir = join(CACHE, `server-${basename(snapshot, ".db")}`);
  if (!existsSync(dataDir)) await restore(snapshot, dataDir);
  return boot(dataDir);
}

/** Starts the only member of a cluster on its data dir. */
export async function boot(dataDir: string): Promise<Cluster> {
  const [clientURL, peerURL] = await freeURLs(2);
  return bootCluster({
    line: "3.6",
    members: [{ name: "default", dataDir, clientURL: clientURL!, peerURL: peerURL! }],
    flags: [`--quota-backend-bytes=${QUOTA_BYTES}`],
  });
}

async function restore(snapshot: string, dataDir: string): Promise<void> {
  process.stderr.write(`bench: restoring ${dataDir}\n`);
  const { etcdutl } = await etcdBinaries("3.6");
  const part = `${dataDir}.part`;
  await rm(part, { recursive: true, force: true });
  await output(etcdutl!, ["snapshot", "restore", snapshot, `--data-dir=${part}`]);
  await rename(part, dataDir);
}

/** Of two snapshots of one server the pages may differ, and with them the hash and the size; this is the same. */
export async function contents(snapshot: string): Promise<string> {
  const { etcdutl } = await etcdBinaries("3.6");
  const status = await output(etcdutl!, ["snapshot", "status", snapshot, "--write-out=json"]);
  const { revision, totalKey } = JSON.parse(status) as { revision: number; totalKey: number };
  return `${totalKey} keys at revision ${revision}`;
}
