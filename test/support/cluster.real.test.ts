import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { get } from "node:https";
import { dirname } from "node:path";
import { test } from "node:test";
import { certificate } from "./certificates.ts";
import type { TlsFiles } from "./certificates.ts";
import { connect } from "./client.ts";
import { ETCD_LINES, bootCluster, etcdBinaries, startCluster } from "./etcd.ts";
import { fill } from "./fill.ts";
import { output, run } from "./program.ts";
import { recordingProxy } from "./recording-proxy.ts";
import { scratch } from "./scratch.ts";

function answers(url: string, { caFile }: TlsFiles, client?: TlsFiles): Promise<boolean> {
  const own = client && { cert: readFileSync(client.certFile), key: readFileSync(client.keyFile) };
  return new Promise((resolve) => {
    const options = { ca: readFileSync(caFile), ...own, agent: false as const };
    const request = get(`${url}/version`, options, (response) => {
      response.resume();
      resolve(true);
    });
    request.on("error", () => resolve(false));
  });
}

for (const line of ETCD_LINES) {
  test(`etcd ${line}: a single plain member is filled, hashed, compacted and defragmented`, async () => {
    await using cluster = await startCluster({ line });
    await fill(cluster.endpoints[0]!, { keys: 300, seed: 1 });
    using client = await connect(cluster.endpoints[0]!);
    assert.equal((await client.hashKV()).compactRevision, -1n);
    await client.compact(50n);
    await client.defragment();
    const { hash, compactRevision } = await client.hashKV();
    assert.equal(compactRevision, 50n);
    const told = JSON.parse((await cluster.ctl("endpoint", "hashkv", "-w", "json")).stdout);
    assert.equal(told[0].HashKV.hash, hash);
    const status = await client.status();
    assert.match(status.version, new RegExp(`^${line}\\.`));
    const leases = await cluster.ctl("lease", "list");
    assert.match(leases.stdout, /found 3 leases/);
  });

  test(`etcd ${line}: three members with TLS and authentication survive a kill, a pause and an alarm`, async () => {
    await using cluster = await startCluster({ line, members: 3, tls: true, auth: true });
    const [first, second] = cluster.members;
    await fill(cluster.endpoints[0]!, { keys: 50, seed: 1, ...cluster });
    await second!.stop("SIGKILL");
    assert.equal(second!.pid, undefined);
    await second!.start();
    first!.pause();
    first!.resume();
    using client = await connect(first!.clientURL, cluster);
    await client.raise("NOSPACE");
    assert.match((await cluster.ctl("alarm", "list")).stdout, /alarm:NOSPACE/);
    await first!.stop();
    await first!.start();

    const foreign = certificate(cluster.certificates!, "foreign-client");
    assert.equal(await answers(first!.clientURL, cluster.tls!, cluster.tls!), true);
    assert.equal(await answers(first!.clientURL, cluster.tls!), false);
    assert.equal(await answers(first!.clientURL, cluster.tls!, foreign), false);
  });

  for (const tls of [false, true]) {
    test(`etcd ${line}: the proxy records what etcdctl saves (${tls ? "TLS and a user" : "plain"})`, async () => {
      await using cluster = await startCluster({ line, tls, auth: tls });
      await fill(cluster.endpoints[0]!, { keys: 200, seed: 2, ...cluster });
      await using proxy = await recordingProxy(cluster);
      await using folder = await scratch();
      const { etcdctl } = await etcdBinaries(line);
      const save = (file: string) => run(etcdctl, ["snapshot", "save", file, ...flags]);
      const flags = [`--endpoints=${proxy.url}`];
      if (tls) {
        const { caFile, certFile, keyFile } = cluster.tls!;
        flags.push(`--cacert=${caFile}`, `--cert=${certFile}`, `--key=${keyFile}`);
        flags.push(`--user=${cluster.auth!.user}:${cluster.auth!.password}`);
      }
      const whole = await save(folder.file("whole.db"));
      assert.equal(whole.status, 0, whole.stderr);
      assert.deepEqual(await readFile(folder.file("whole.db")), proxy.snapshots[0]);

      proxy.breakWith({ cutAfter: 200_000 });
      const cut = await save(folder.file("cut.db"));
      await proxy.broken;
      assert.notEqual(cut.status, 0);
      assert.ok(proxy.snapshots[1]!.length < proxy.snapshots[0]!.length);
    });
  }
}

test("the same seed gives the same rows", async () => {
  const hashes = await Promise.all(
    [1, 2].map(async () => {
      await using cluster = await startCluster({ line: "3.6" });
      await fill(cluster.endpoints[0]!, { keys: 100, seed: 3, parallel: 1 });
      using client = await connect(cluster.endpoints[0]!);
      return await client.hashKV();
    }),
  );
  assert.deepEqual(hashes[0], hashes[1]);
});

test("a restored data dir boots, and everything temporary goes away", async () => {
  await using folder = await scratch();
  let temporary: string;
  {
    await using cluster = await startCluster({ line: "3.6" });
    temporary = dirname(cluster.members[0]!.dataDir);
    await cluster.ctl("put", "a", "b");
    await cluster.ctl("snapshot", "save", folder.file("a.db"));
    await cluster.stop();
    const { name, peerURL, clientURL } = cluster.members[0]!;
    const dataDir = folder.file("restored");
    const { etcdutl } = await etcdBinaries("3.6");
    await output(etcdutl!, [
      "snapshot",
      "restore",
      folder.file("a.db"),
      `--data-dir=${dataDir}`,
      `--name=${name}`,
      `--initial-cluster=${name}=${peerURL}`,
      `--initial-advertise-peer-urls=${peerURL}`,
    ]);
    const places = [{ name, dataDir, peerURL, clientURL }];
    await using restored = await bootCluster({ line: "3.6", members: places });
    assert.equal((await restored.ctl("get", "a", "--print-value-only")).stdout, "b\n");
  }
  assert.equal(existsSync(temporary), false);
  assert.equal(existsSync(folder.file("restored")), true);
});
