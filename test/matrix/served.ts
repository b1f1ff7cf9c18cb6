/** What the restored clusters of the matrix serve, held against their source. */
import assert from "node:assert/strict";
import { connect } from "../support/client.ts";
import type { ConnectOptions } from "../support/client.ts";
import type { Cluster } from "../support/etcd.ts";
import type { Restore, Source } from "./cells.ts";
import { etcdctl, etcdctlLines } from "./etcdctl.ts";
import { leasesOf } from "./leases.ts";
import { BUMP } from "./restored.ts";
import type { RestoredCluster } from "./restored.ts";
import type { SavedSnapshot } from "./saved.ts";

/** Everything that came back, on every member, and the next write. */
export async function assertServed(
  source: Source,
  saved: SavedSnapshot,
  restore: Restore,
  restored: RestoredCluster,
): Promise<void> {
  const { cluster } = restored;
  await assertMembers(restored);
  if (restore.revision === "kept") await assertSameHash(saved, restored);
  else await assertBumped(saved, restored);
  if (cluster.auth) await assertGuarded(cluster);
  for (const endpoint of cluster.endpoints) {
    using client = await connect(endpoint, cluster);
    assert.deepEqual(await leasesOf(client), saved.leases);
  }
  if (source.contents === "NOSPACE alarm") await disarm(cluster);
  using client = await connect(cluster.endpoints[0]!, cluster);
  assert.equal(await client.put("written", "next"), headOf(saved, restore) + 1n);
}

function headOf({ head, bumpedFrom }: SavedSnapshot, { revision }: Restore): bigint {
  return revision === "kept" ? head : bumpedFrom + BUMP;
}

/** Names, ids and peer URLs are those that etcdutl gave them. */
async function assertMembers({ cluster, members }: RestoredCluster): Promise<void> {
  const lines = await etcdctlLines(cluster, cluster.endpoints[0]!, "member", "list");
  const found = lines.map((line) => line.split(", "));
  assert.deepEqual(
    found.map(([id, , name, peerURL]) => `${id}, ${name}, ${peerURL}`).toSorted(),
    members,
  );
  assert.deepEqual(new Set(found.map(([, state]) => state)), new Set(["started"]));
}

async function assertSameHash(
  saved: SavedSnapshot,
  { cluster, predicted }: RestoredCluster,
): Promise<void> {
  assert.deepEqual(predicted, saved.hash);
  for (const endpoint of cluster.endpoints) {
    using client = await connect(endpoint, cluster);
    assert.deepEqual(await client.hashKV(), saved.hash);
    assert.equal((await client.status()).revision, saved.head);
  }
}

/** The hash is the one that was predicted, and who watched the old cluster is told to start over. */
async function assertBumped(
  { bumpedFrom, head }: SavedSnapshot,
  { cluster, predicted }: RestoredCluster,
): Promise<void> {
  const bumped = bumpedFrom + BUMP;
  assert.deepEqual([predicted.revision, predicted.compactRevision], [bumped, bumped]);
  for (const [i, endpoint] of cluster.endpoints.entries()) {
    const watch = await etcdctl(cluster, endpoint, "watch", "", "--prefix", `--rev=${head}`);
    assert.match(watch.stderr, /required revision has been compacted/);
    const hash = await hashOf(endpoint, cluster);
    if (hash.compactRevision === bumped) assert.deepEqual(hash, predicted);
    else {
      // kept from the compaction at boot, over the history that was there before it; a restart forgets it
      await cluster.members[i]!.stop();
      await cluster.members[i]!.start();
      assert.deepEqual(await hashOf(endpoint, cluster), predicted);
    }
  }
}

async function hashOf(endpoint: string, options: ConnectOptions) {
  using client = await connect(endpoint, options);
  return await client.hashKV();
}

/** The old password was used for everything else; a wrong one and none are refused. */
async function assertGuarded({ endpoints, tls, auth }: Cluster): Promise<void> {
  const wrong = { user: auth!.user, password: `not ${auth!.password}` };
  await assert.rejects(
    connect(endpoints[0]!, { tls, auth: wrong }),
    /authentication failed, invalid user ID or password/,
  );
  using stranger = await connect(endpoints[0]!, { tls });
  await assert.rejects(stranger.get("a"), /permission denied|user name is empty/);
}

async function disarm(cluster: Cluster): Promise<void> {
  const [url] = cluster.endpoints;
  using client = await connect(url!, cluster);
  await assert.rejects(client.put("written", "too early"), /database space exceeded/);
  await etcdctlLines(cluster, url!, "alarm", "disarm");
}
