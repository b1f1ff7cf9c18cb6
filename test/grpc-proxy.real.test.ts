/** Through etcd's own gRPC proxy: it passes everything on, and lists itself instead of the members. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ETCD_LINES, etcdBinaries, freeURLs, startCluster, type Cluster } from "./support/etcd.ts";
import { startServer } from "./support/server.ts";
import { station } from "./support/station.ts";

/** The cluster behind a proxy of its own version, which is its only endpoint. */
async function behindProxy(cluster: Cluster): Promise<Cluster> {
  const { etcd } = await etcdBinaries(cluster.line);
  const [url] = await freeURLs(1);
  const { host } = new URL(url!);
  const endpoints = `--endpoints=${cluster.endpoints.join(",")}`;
  const proxy = await startServer(
    etcd,
    ["grpc-proxy", "start", endpoints, `--listen-addr=${host}`, `--advertise-client-url=${host}`],
    {},
    `${url}/metrics`,
  );
  return { ...cluster, endpoints: [url!], [Symbol.asyncDispose]: () => proxy.stop() };
}

for (const line of ETCD_LINES)
  test(`${line}: a backup knows the members all the same, and their hashes are not made up`, async () => {
    await using here = await station();
    await using cluster = await startCluster({ line, members: 3 });
    await cluster.ctl("put", "/registry/pods/default/web", "value");
    await using proxied = await behindProxy(cluster);
    const { members } = await here.backup(proxied);
    assert.deepEqual(
      members.map(({ name, peerURLs }) => `${name} ${peerURLs.join()}`).toSorted(),
      cluster.members.map(({ name, peerURL }) => `${name} ${peerURL}`),
    );
    const hashes = await here.run(["hashkv", `--endpoints=${proxied.endpoints[0]}`]);
    assert.equal(hashes.status, 5);
    assert.match(hashes.stderr, /Error: a proxy of etcd answers \(".+"\), and lists itself/);
  });
