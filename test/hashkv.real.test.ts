/** `hashkv` of live clusters: against etcdctl, the snapshot's own hash, and a member that was tampered with. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { runCommand } from "./support/cli.ts";
import { startCluster, type Cluster } from "./support/etcd.ts";
import { fill } from "./support/fill.ts";
import { scratch } from "./support/scratch.ts";

const SEED = 77;

function flagsOf({ tls, auth }: Cluster): string[] {
  return [
    ...(tls ? [`--cacert=${tls.caFile}`, `--cert=${tls.certFile}`, `--key=${tls.keyFile}`] : []),
    ...(auth ? ["--user", `${auth.user}:${auth.password}`] : []),
  ];
}

interface Row {
  endpoint: string;
  name: string;
  hash: number;
  hashRevision: number;
  compactRevision: number;
}

test(`every member is asked, whichever endpoint is given; the snapshot's hash is the same (seed ${SEED})`, async () => {
  await using folder = await scratch();
  await using cluster = await startCluster({ line: "3.6", members: 3, tls: true, auth: true });
  const { endpoints, tls, auth } = cluster;
  await fill(endpoints[0]!, { keys: 60, seed: SEED, tls: tls!, auth: auth! });
  const compacted = await cluster.ctl("compact", "15");
  assert.equal(compacted.status, 0, compacted.stderr);

  const ours = await runCommand([
    "hashkv",
    `--endpoints=${endpoints[1]}`,
    ...flagsOf(cluster),
    "-w",
    "json",
  ]);
  assert.equal(ours.status, 0, ours.stderr);
  const rows = JSON.parse(ours.stdout) as Row[];
  assert.deepEqual(rows.map(({ endpoint }) => endpoint).toSorted(), endpoints.toSorted());
  assert.equal(new Set(rows.map(({ hash }) => hash)).size, 1);

  const theirs = JSON.parse((await cluster.ctl("endpoint", "hashkv", "-w", "json")).stdout) as {
    Endpoint: string;
    HashKV: { hash: number; hash_revision: number; compact_revision: number };
  }[];
  for (const { Endpoint, HashKV } of theirs) {
    const row = rows.find(({ endpoint }) => endpoint === Endpoint);
    assert.deepEqual(
      [row?.hash, row?.hashRevision, row?.compactRevision],
      [HashKV.hash, HashKV.hash_revision, HashKV.compact_revision],
    );
  }

  const path = folder.file("snapshot.db");
  const saved = await runCommand([
    "snapshot",
    "save",
    path,
    `--endpoints=${endpoints[2]}`,
    ...flagsOf(cluster),
  ]);
  assert.equal(saved.status, 0, saved.stderr);
  const offline = await runCommand(["hashkv", path]);
  const { hash, hashRevision, compactRevision } = rows[0]!;
  assert.equal(offline.stdout, `${hash}, ${hashRevision}, ${compactRevision}\n`);
});

test("members that disagree are shown, and the status is 12", async () => {
  await using cluster = await startCluster({ line: "3.6", members: 3 });
  const [url] = cluster.endpoints;
  const put = await cluster.ctl("put", "greeting", "what-was-agreed-upon");
  assert.equal(put.status, 0, put.stderr);
  const odd = cluster.members[2]!;
  await odd.stop("SIGTERM");
  const path = join(odd.dataDir, "member", "snap", "db");
  const bytes = await readFile(path);
  let tampered = 0;
  for (let at = 0; (at = bytes.indexOf("what-was-agreed-upon", at)) >= 0; at++, tampered++)
    bytes.write("WHAT", at);
  assert.ok(tampered > 0);
  await writeFile(path, bytes);
  await odd.start();

  const { status, stdout, stderr } = await runCommand(["hashkv", `--endpoints=${url}`]);
  assert.equal(status, 12, stderr);
  const lines = stdout.trimEnd().split("\n");
  assert.equal(lines.length, 3);
  const hashes = lines.map((line) => line.split(", ")[1]);
  assert.equal(new Set(hashes).size, 2);
  assert.match(stderr, /^Error: the members hold different data at revision 2: /m);
});

test("a member that is down is a row with dashes, and the status says what is wrong with it", async () => {
  await using cluster = await startCluster({ line: "3.6", members: 3 });
  const [url] = cluster.endpoints;
  const down = cluster.members[1]!;
  await down.stop("SIGTERM");
  const { status, stdout, stderr } = await runCommand(["hashkv", `--endpoints=${url}`]);
  assert.equal(status, 5);
  assert.match(stdout, new RegExp(`^${down.clientURL}, -, -, -, ${down.name}$`, "m"));
  assert.match(stderr, new RegExp(`^Error: .*${down.clientURL}`, "m"));
});
