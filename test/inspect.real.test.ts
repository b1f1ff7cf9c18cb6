/** The inspector on what real servers of every line send and keep, beside etcdutl and the servers' own hashes. */
import assert from "node:assert/strict";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { inspectFile } from "../src/inspect/file.ts";
import type { Inspection } from "../src/inspect/report.ts";
import { connect } from "./support/client.ts";
import type { ServerHash, TestClient } from "./support/client.ts";
import { ETCD_LINES, etcdBinaries, startCluster } from "./support/etcd.ts";
import type { Cluster } from "./support/etcd.ts";
import { fill } from "./support/fill.ts";
import { codesOf, contentsOfReport } from "./support/inspected.ts";
import { part } from "./support/parts.ts";
import { output, run } from "./support/program.ts";
import { takeSnapshot } from "./support/restored.ts";
import { scratch } from "./support/scratch.ts";
import type { Scratch } from "./support/scratch.ts";

const SEED = 20261101;

/** What `etcdutl snapshot status` of 3.6 prints, in the report's words. */
async function statusByEtcdutl(path: string) {
  const { etcdutl } = await etcdBinaries("3.6");
  const json = await output(etcdutl!, ["snapshot", "status", path, "-w", "json"]);
  const status = JSON.parse(json) as Record<string, number | string>;
  return { ...status, revision: BigInt(status["revision"]!) };
}

/** etcdutl 3.7 changes the file that it hashes: it gets a copy. */
async function hashByEtcdutl(path: string, folder: Scratch, revision: bigint): Promise<ServerHash> {
  const { etcdutl } = await etcdBinaries("3.7");
  const copy = folder.file("hashed.db");
  await copyFile(path, copy);
  const json = await output(etcdutl!, ["hashkv", copy, "--rev", String(revision), "-w", "json"]);
  const { hash, hashRevision, compactRevision } = JSON.parse(json) as Record<string, number>;
  return {
    hash: hash!,
    revision: BigInt(hashRevision!),
    compactRevision: BigInt(compactRevision!),
  };
}

/** A cluster on its way through everything that can be in a snapshot. */
interface Stage {
  readonly name: string;
  /** Findings that are to be expected from here on. */
  readonly expected?: readonly string[];
  bring(client: TestClient, cluster: Cluster): Promise<void>;
}

const STAGES: readonly Stage[] = [
  { name: "an empty store", bring: async () => {} },
  {
    name: "a filled one, with leases and deletions",
    bring: (_client, { endpoints }) =>
      fill(endpoints[0]!, { keys: 300, seed: SEED, deletes: 60, leases: 5 }),
  },
  {
    name: "keys that lived several times",
    async bring(client) {
      for (let i = 0; i < 12; i++) {
        await client.putAll([1, 2, 3].map((n) => ({ key: `again/${n}`, value: `life ${i}` })));
        if (i % 2 === 0) await client.deleteRange("again/", "again0");
      }
      await client.put("no slash", "");
    },
  },
  {
    name: "a compacted one",
    bring: async (client) => client.compact((await client.status()).revision - 9n),
  },
  { name: "a defragmented one", bring: (client) => client.defragment() },
  {
    name: "a value of 1.4 MB",
    async bring(client) {
      for (const size of [1_400_000, 0, 1_400_000])
        await client.put("large", new Uint8Array(size).fill(size));
    },
  },
  {
    name: "compacted at a deletion, with old bytes on nearly every page",
    async bring(client) {
      for (let i = 0; i < 300; i++)
        await client.put(`churn/${i % 3}`, new Uint8Array(3000).fill(i));
      await client.compact(await client.deleteRange("churn/1"));
    },
  },
  {
    name: "an alarm",
    expected: ["warning alarm-raised"],
    bring: (client) => client.raise("NOSPACE"),
  },
];

/** Hashes of the server at the head and some revisions before it; not at the compaction, where it may answer from memory. */
async function serverHashes(client: TestClient): Promise<ServerHash[]> {
  const head = await client.hashKV();
  const first = head.compactRevision < 0n ? 1n : head.compactRevision;
  const span = head.revision - first;
  const asked = [1n, 2n, span / 3n, span / 2n, span - 1n].map((far) => first + far);
  const hashes = [head];
  for (const at of new Set(asked))
    if (at > first && at <= head.revision) hashes.push(await client.hashKV(at));
  return hashes;
}

function assertHashes({ hashKV }: Inspection, hashes: readonly ServerHash[]): void {
  for (const hash of hashes) assert.deepEqual(hashKV(hash.revision), hash);
}

for (const line of ETCD_LINES)
  describe(`etcd ${line} (seed ${SEED})`, () => {
    test("every stage of a store is sound, and is what etcdutl and the server say it is", async () => {
      await using folder = await scratch();
      await using cluster = await startCluster({ line });
      using client = await connect(cluster.endpoints[0]!);
      let free = 0;
      for (const { name, expected = [], bring } of STAGES) {
        await bring(client, cluster);
        const hashes = await serverHashes(client);
        const { file } = await takeSnapshot(cluster, folder.file("snapshot.db"));
        const inspection = await inspectFile(file);
        const { report } = inspection;
        assert.deepEqual(codesOf(report), expected, name);
        assert.equal(report.trailer, "verified");
        assert.deepEqual(report.status, await statusByEtcdutl(file), name);
        assertHashes(inspection, hashes);
        assert.deepEqual(await hashByEtcdutl(file, folder, 0n), report.hashKV, name);
        const { dbSizeInUse, revision } = await client.status();
        assert.equal(report.revision, revision, name);
        // The server counts pages that were freed a moment ago as in use.
        assert.ok(report.dbSizeInUse <= dbSizeInUse && report.dbSizeInUse > dbSizeInUse / 3, name);
        free = Math.max(free, 1 - report.dbSizeInUse / report.dbSize);
      }
      assert.ok(free > 0.2, `no stage had more than ${free} free pages`);
    });

    test("rewritten by bbolt: any page size, freelist persisted or not", async () => {
      await using folder = await scratch();
      await using cluster = await startCluster({ line, auth: true });
      const { endpoints, auth } = cluster;
      await fill(endpoints[0]!, { keys: 250, seed: SEED, valueBytes: [0, 20_000], auth });
      const { file, hash } = await takeSnapshot(cluster, folder.file("snapshot.db"));
      const sent = await inspectFile(file);
      assert.deepEqual(sent.report.findings, []);
      assert.deepEqual([sent.report.auth.enabled, sent.report.auth.users], [true, ["root"]]);
      assertHashes(sent, [hash]);
      await assertRewrites(file, sent, folder);
    });

    test("a member's own file, while it runs and after it has stopped", async () => {
      await using folder = await scratch();
      await using cluster = await startCluster({ line });
      await fill(cluster.endpoints[0]!, { keys: 100, seed: SEED });
      const { file, hash } = await takeSnapshot(cluster, folder.file("snapshot.db"));
      const sent = contentsOfReport((await inspectFile(file)).report);
      const [member] = cluster.members;
      const own = join(member!.dataDir, "member", "snap", "db");

      const running = await inspectFile(own);
      assert.deepEqual(codesOf(running.report), ["warning file-in-use", "warning no-trailer"]);
      assert.match(running.report.holder ?? "", new RegExp(`\\(process ${member!.pid}\\)$`));
      assertHashes(running, [hash]);

      await member!.stop();
      const stopped = await inspectFile(own);
      assert.deepEqual(codesOf(stopped.report), ["warning no-trailer"]);
      assertHashes(stopped, [hash]);
      assert.deepEqual(stopped.report.status, await statusByEtcdutl(own));
      const { prefixes, largest, liveKeys, rows } = contentsOfReport(stopped.report);
      assert.deepEqual(
        { prefixes, largest, liveKeys, rows },
        {
          prefixes: sent.prefixes,
          largest: sent.largest,
          liveKeys: sent.liveKeys,
          rows: sent.rows,
        },
      );
    });
  });

async function assertRewrites(file: string, sent: Inspection, folder: Scratch): Promise<void> {
  const bbolt = join(await part("bbolt"), "bbolt");
  for (const pageSize of [4096, 16384, 65536]) {
    for (const freelist of ["persisted", "none"]) {
      const rewritten = folder.file(`${pageSize}-${freelist}.db`);
      const options = [`--page-size=${pageSize}`, `--freelist=${freelist}`];
      await output(bbolt, ["rewrite", ...options, file, rewritten]);
      const { report } = await inspectFile(rewritten);
      assert.deepEqual(codesOf(report), ["warning no-trailer"]);
      assert.deepEqual(
        [report.pageSize, report.freelist],
        [pageSize, freelist === "none" ? "rebuilt" : freelist],
      );
      assert.deepEqual(report.status, await statusByEtcdutl(rewritten));
      const [now, before] = [contentsOfReport(report), contentsOfReport(sent.report)];
      for (const same of ["hashKV", "prefixes", "namespaces", "auth", "members", "leases"] as const)
        assert.deepEqual(now[same], before[same], same);
    }
  }
}

test("a snapshot of a store under load is one moment of it", async () => {
  await using folder = await scratch();
  await using cluster = await startCluster({ line: "3.6", members: 3 });
  const [url] = cluster.endpoints;
  await fill(url!, { keys: 200, seed: SEED });
  using client = await connect(url!);
  const writing = fill(url!, { keys: 2000, seed: SEED + 1, parallel: 4 });
  for (let i = 0; i < 4; i++) {
    const path = folder.file(`${i}.db`);
    const { etcdctl } = await etcdBinaries("3.6");
    await output(etcdctl, ["snapshot", "save", path, `--endpoints=${cluster.endpoints[i % 3]}`]);
    const { report } = await inspectFile(path);
    assert.deepEqual(report.findings, []);
    assert.deepEqual(report.hashKV, await client.hashKV(report.revision));
  }
  await writing;
});

test("what is no snapshot is not one for etcdutl either", async () => {
  const { etcdutl } = await etcdBinaries("3.6");
  const path = fileURLToPath(import.meta.url);
  assert.equal((await run(etcdutl!, ["snapshot", "status", path])).status, 1);
  assert.deepEqual(codesOf((await inspectFile(path)).report), ["error meta-invalid"]);
});
