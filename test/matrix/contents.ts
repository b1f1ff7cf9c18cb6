/** What the snapshots of the matrix hold: how it is written into a cluster, and how a report shows that it is there. */
import assert from "node:assert/strict";
import { connect } from "../support/client.ts";
import type { TestClient } from "../support/client.ts";
import type { Cluster } from "../support/etcd.ts";
import { fill } from "../support/fill.ts";
import { random } from "../support/random.ts";
import type { Source } from "./cells.ts";
import { etcdctlLines } from "./etcdctl.ts";
import type { Report } from "./saved.ts";

interface Contents {
  /** Flags that the servers need. */
  readonly flags?: readonly string[];
  /** Everything through the member `url`, one request after the other, so that this member has all of it in the end. */
  write(cluster: Cluster, url: string): Promise<void>;
  /** Fails when the snapshot is not what its name says. */
  recognize(report: Report, source: Source): void;
}

const SEED = 20261017;
const QUOTA_BYTES = 4 << 20;
const REFUSED_BYTES = 1 << 20;
/** etcd takes requests of up to 1.5 MiB. */
const LARGE_BYTES = 1_400_000;

export const CONTENTS: Readonly<Record<Source["contents"], Contents>> = {
  empty: {
    write: async () => {},
    recognize: ({ rows, leases }) => assert.deepEqual([rows, leases], [0, 0]),
  },
  leases: {
    async write(cluster, url) {
      await fill(url, { ...cluster, keys: 40, seed: SEED, deletes: 0, leases: 5, parallel: 1 });
      using client = await connect(url, cluster);
      await client.grant(7200); // without a key
      const shared = await client.grant(86_400, 2n ** 62n + 1n);
      await client.putAll([1, 2, 3].map((n) => ({ key: `shared/${n}`, value: "", lease: shared })));
    },
    recognize: ({ leases }) => assert.equal(leases, 7),
  },
  tombstones: {
    async write(cluster, url) {
      await fill(url, { ...cluster, keys: 60, seed: SEED, deletes: 30, leases: 0, parallel: 1 });
      using client = await connect(url, cluster);
      for (let i = 0; i < 3; i++) {
        await client.put("again", `life ${i}`);
        await client.deleteRange("again");
      }
      await client.put("again", "alive");
      await client.deleteRange("/registry/pods/", "/registry/pods0");
    },
    recognize({ tombstones, revision, status }) {
      assert.ok(tombstones > 33);
      assert.equal(status.revision, revision, "the last row is the head");
    },
  },
  compacted: {
    write: writeHistory,
    recognize({ compactRevision, revision, dbSize, dbSizeInUse, freelist }) {
      assert.ok(compactRevision > 0 && compactRevision < revision);
      if (freelist === "rebuilt") assert.ok(dbSizeInUse < dbSize, "free pages with old rows");
    },
  },
  "compacted, then all deleted": {
    async write(cluster, url) {
      await fill(url, { ...cluster, keys: 30, seed: SEED, leases: 0, parallel: 1 });
      using client = await connect(url, cluster);
      await client.compact((await client.status()).revision);
      await client.deleteRange("/", "0");
    },
    recognize({ liveKeys, rows, tombstones, compactRevision, revision }) {
      assert.deepEqual([liveKeys, compactRevision], [0, revision - 1]);
      assert.ok(rows > tombstones, "of nothing alive the hash takes every row");
    },
  },
  "all deleted, then compacted": {
    async write(cluster, url) {
      await fill(url, { ...cluster, keys: 30, seed: SEED, leases: 0, parallel: 1 });
      {
        using client = await connect(url, cluster);
        // servers up to 3.4.33 and 3.5.15 take the last row away too, and boot at the compaction's revision
        await client.compact(await client.deleteRange("/", "0"));
      }
      // it keeps a hash from the compaction, over the history that was there before it; a restart forgets it
      const member = cluster.members.find(({ clientURL }) => clientURL === url)!;
      await member.stop();
      await member.start();
    },
    recognize({ liveKeys, compactRevision, revision }) {
      assert.deepEqual([liveKeys, compactRevision], [0, revision]);
    },
  },
  defragmented: {
    async write(cluster, url) {
      await writeHistory(cluster, url);
      using client = await connect(url, cluster);
      const { dbSize } = await client.status();
      await client.defragment();
      assert.ok((await client.status()).dbSize < dbSize);
    },
    recognize: ({ compactRevision }) => assert.ok(compactRevision > 0),
  },
  "NOSPACE alarm": {
    flags: [`--quota-backend-bytes=${QUOTA_BYTES}`],
    write: exhaustQuota,
    recognize({ alarms, members }) {
      assert.deepEqual(
        alarms.map(({ alarm, memberId }) => `${alarm} ${memberId}`).toSorted(),
        members.map(({ id }) => `NOSPACE ${id}`).toSorted(),
      );
    },
  },
  "1.4 MB value": {
    async write(cluster, url) {
      await fill(url, { ...cluster, keys: 20, seed: SEED, leases: 0, parallel: 1 });
      using client = await connect(url, cluster);
      const bytes = random(SEED);
      for (let i = 0; i < 2; i++) await client.put("large", bytes.bytes(LARGE_BYTES));
    },
    recognize: ({ largest, mostRevised }) => {
      assert.deepEqual([largest[0]?.key, largest[1]?.key], ["large", "large"]);
      assert.ok(largest[0]!.bytes > LARGE_BYTES && largest[1]!.bytes > LARGE_BYTES);
      assert.ok(mostRevised.some(({ key, revisions }) => key === "large" && revisions === 2));
    },
  },
};

/** Overwrites, deletions, leases, and a compaction right at a deletion with history on both sides of it. */
async function writeHistory(cluster: Cluster, url: string): Promise<void> {
  await fill(url, { ...cluster, keys: 150, seed: SEED, deletes: 15, parallel: 1 });
  using client = await connect(url, cluster);
  const { revision } = await client.status();
  await client.compact(revision - 5n);
  for (let i = 0; i < 5; i++) await client.put("history", `after the compaction ${i}`);
  await client.deleteRange("history");
}

const NO_SPACE = /database space exceeded/;

/** Writes until the quota is exceeded, then on every member until each has raised its alarm. */
async function exhaustQuota(cluster: Cluster, url: string): Promise<void> {
  const bytes = random(SEED);
  using client = await connect(url, cluster);
  let written = 0;
  while (await wasTaken(client, `filler/${written}`, bytes.bytes(200_000))) written++;
  assert.ok(written > 0, "something was taken before");
  // only a member that is asked for more than it has room for raises the alarm
  const more = bytes.bytes(REFUSED_BYTES);
  while ((await etcdctlLines(cluster, url, "alarm", "list")).length < cluster.members.length) {
    for (const endpoint of cluster.endpoints) {
      using other = await connect(endpoint, cluster);
      assert.equal(await wasTaken(other, "one-too-many", more), false);
    }
  }
}

async function wasTaken(client: TestClient, key: string, value: Uint8Array): Promise<boolean> {
  try {
    await client.put(key, value);
    return true;
  } catch (error) {
    assert.match(String(error), NO_SPACE);
    return false;
  }
}
