/** Snapshots of the matrix, restored by `holdfast` and by etcdutl beside it, and started as new clusters. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ServerHash } from "../support/client.ts";
import { contentsOf } from "../support/database.ts";
import type { Contents } from "../support/database.ts";
import { bootCluster, etcdBinaries, freeURLs } from "../support/etcd.ts";
import type { Cluster, Place } from "../support/etcd.ts";
import { holdfast } from "../support/holdfast.ts";
import { PortTaken } from "../support/member.ts";
import { output } from "../support/program.ts";
import { clusterFlags } from "../support/restored.ts";
import { scratch } from "../support/scratch.ts";
import type { Restore } from "./cells.ts";
import { hashOf } from "./saved.ts";
import type { SavedSnapshot } from "./saved.ts";

/** Kubernetes' practice. */
export const BUMP = 1_000_000_000n;

export interface RestoredCluster extends AsyncDisposable {
  readonly cluster: Cluster;
  /** HashKV of the restored database, computed before anything ran on it. */
  readonly predicted: ServerHash;
  /** As etcdutl restored them: `id, name, peer URL`, sorted. */
  readonly members: readonly string[];
}

const PORT_ATTEMPTS = 5;

/** Restores every member from the same file, into a folder that goes away, and starts them all. */
export async function restoreCluster(
  snapshot: SavedSnapshot,
  restore: Restore,
  source: Pick<Cluster, "certificates" | "auth">,
): Promise<RestoredCluster> {
  for (let attempt = 1; ; attempt++) {
    await using cleanup = new AsyncDisposableStack();
    const folder = cleanup.use(await scratch());
    const { certificates, auth } = source;
    const places = await freePlaces(folder.path, restore.restoredMembers, Boolean(certificates));
    for (const place of places) await restoreMember(snapshot, restore, place, places);
    const members = await assertAsEtcdutl(snapshot, restore, places, folder.file("theirs"));
    const predicted = await hashOf(databaseIn(places[0]!.dataDir));
    const secured = { ...(certificates && { certificates }), ...(auth && { auth }) };
    try {
      const cluster = await bootCluster({ line: restore.target, members: places, ...secured });
      cleanup.defer(() => cluster.stop());
      const kept = cleanup.move();
      const dispose = () => kept.disposeAsync();
      return { cluster, predicted, members, [Symbol.asyncDispose]: dispose };
    } catch (error) {
      if (!(error instanceof PortTaken) || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function freePlaces(folder: string, count: number, tls: boolean): Promise<Place[]> {
  const urls = await freeURLs(2 * count, tls);
  return Array.from({ length: count }, (_, i) => {
    const name = `r${i + 1}`;
    return { name, dataDir: join(folder, name), clientURL: urls[i]!, peerURL: urls[count + i]! };
  });
}

interface Arguments {
  readonly file: string;
  readonly dataDir: string;
  /** Undefined without a bump. */
  readonly bump: bigint | undefined;
}

function restoreArgs(
  { file, dataDir, bump }: Arguments,
  place: Place,
  all: readonly Place[],
): string[] {
  const raise = bump === undefined ? [] : [`--bump-revision=${bump}`, "--mark-compacted"];
  const flags = [...clusterFlags(place, all), ...raise];
  return ["snapshot", "restore", file, `--data-dir=${dataDir}`, ...flags];
}

async function restoreMember(
  { file }: SavedSnapshot,
  { revision }: Restore,
  place: Place,
  all: readonly Place[],
): Promise<void> {
  const bump = revision === "bumped" ? BUMP : undefined;
  const args = restoreArgs({ file, dataDir: place.dataDir, bump }, place, all);
  const { status, stdout, stderr } = await holdfast(args);
  assert.equal(status, 0, stderr);
  assert.equal(stdout, "");
}

function databaseIn(dataDir: string): string {
  return join(dataDir, "member", "snap", "db");
}

/** The database of the first member holds what etcdutl's does; gives the members that both restored. */
async function assertAsEtcdutl(
  { file, lastRow, bumpedFrom }: SavedSnapshot,
  { revision }: Restore,
  places: readonly Place[],
  dataDir: string,
): Promise<string[]> {
  const { etcdutl } = await etcdBinaries("3.6");
  const bump = revision === "bumped" ? bumpedFrom - lastRow + BUMP : undefined;
  await output(etcdutl!, restoreArgs({ file, dataDir, bump }, places[0]!, places));
  const theirs = await databaseContents(dataDir);
  assert.deepEqual(await databaseContents(places[0]!.dataDir), theirs);
  return theirs["members"]!.map(([key, value]) => {
    const { name, peerURLs } = JSON.parse(fromHex(value)) as { name: string; peerURLs: string[] };
    return `${fromHex(key)}, ${name}, ${peerURLs.join(" ")}`;
  }).toSorted();
}

/** But for `confState`: etcdutl leaves that of the source, which no server reads. */
async function databaseContents(dataDir: string): Promise<Contents> {
  const contents = contentsOf(new Uint8Array(await readFile(databaseIn(dataDir))));
  return { ...contents, meta: contents["meta"]!.filter(([key]) => fromHex(key) !== "confState") };
}

function fromHex(hex: string): string {
  return Buffer.from(hex, "hex").toString();
}
