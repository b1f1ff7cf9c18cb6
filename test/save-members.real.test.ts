/** Which member `snapshot save` takes, and what it does when that one is lost. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { connect } from "./support/client.ts";
import { bootCluster, freeURLs, startCluster, type Cluster } from "./support/etcd.ts";
import { fill } from "./support/fill.ts";
import { startHoldfast } from "./support/holdfast.ts";
import { recordingProxy, type RecordingProxy } from "./support/recording-proxy.ts";
import { SEVERAL_MB, access, left, revisionOf, save, until } from "./support/saving.ts";
import { scratch } from "./support/scratch.ts";

describe("of three members", () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await startCluster({ line: "3.6", members: 3 });
    await fill(cluster.endpoints[0]!, SEVERAL_MB);
  });
  after(() => cluster.stop());

  test("a follower is taken and named, and what is dead is left out", async () => {
    await using folder = await scratch();
    const urls = [...cluster.endpoints, "http://127.0.0.1:1"];
    const saved = await save(folder.file("db"), access(cluster, urls));
    assert.equal(saved.status, 0, saved.stderr);
    assert.match(
      saved.stderr,
      /taking the snapshot from "http.*" \(member [0-9a-f]+, a follower, /,
    );
    assert.match(saved.stderr, /Warning: the endpoint "http:\/\/127.0.0.1:1" is left out/);
  });

  test("a member that is silent costs a moment, not the limit", async () => {
    await using folder = await scratch();
    cluster.members[2]!.pause();
    try {
      const saved = await save(folder.file("db"), [...access(cluster), "--dial-timeout=300ms"]);
      assert.equal(saved.status, 0, saved.stderr);
      assert.match(saved.stderr, /left out: no answer 0.3 s after the first one/);
    } finally {
      cluster.members[2]!.resume();
    }
  });

  test("only the leader is given, and killed during the save: it fails and leaves nothing", async () => {
    await using folder = await scratch();
    const leader = await leaderOf(cluster);
    await using proxy = await recordingProxy(cluster, leader);
    proxy.breakWith({ delayMs: 20 });
    const running = startHoldfast([
      "snapshot",
      "save",
      folder.file("db"),
      ...access(cluster, [proxy.url]),
    ]);
    await underWay([proxy]);
    await cluster.members[leader]!.stop("SIGKILL");
    const { status, stderr } = await running.finished;
    await cluster.members[leader]!.start();
    assert.equal(status, 5, stderr);
    assert.match(stderr, /broke during Snapshot/);
    assert.deepEqual(await left(folder), []);
  });

  test("the chosen member is killed during the save: another one takes over", async () => {
    await using folder = await scratch();
    await using stack = new AsyncDisposableStack();
    const proxies = await Promise.all([0, 1, 2].map((i) => recordingProxy(cluster, i)));
    for (const proxy of proxies) stack.use(proxy).breakWith({ delayMs: 20 });
    const urls = proxies.map(({ url }) => url);
    const running = startHoldfast([
      "snapshot",
      "save",
      folder.file("db"),
      ...access(cluster, urls),
    ]);
    const chosen = await underWay(proxies);
    for (const proxy of proxies) proxy.breakWith({});
    await cluster.members[chosen]!.stop("SIGKILL");
    const { status, stderr } = await running.finished;
    await cluster.members[chosen]!.start();
    assert.equal(status, 0, stderr);
    assert.match(stderr, /broke during Snapshot; trying another member/);
    await revisionOf(folder.file("db"));
    assert.deepEqual(await left(folder), ["db"]);
  });

  test("every member falls silent during the save: two are tried, and then it ends", async () => {
    await using folder = await scratch();
    await using stack = new AsyncDisposableStack();
    const proxies = await Promise.all([0, 1, 2].map((i) => recordingProxy(cluster, i)));
    for (const proxy of proxies) stack.use(proxy).breakWith({ stallAfter: 500_000 });
    const urls = proxies.map(({ url }) => url);
    const silent = await save(folder.file("db"), [...access(cluster, urls), "--no-progress=500ms"]);
    assert.equal(silent.status, 11, silent.stderr);
    assert.equal(proxies.filter(({ snapshots }) => snapshots.length > 0).length, 2);
    assert.deepEqual(await left(folder), []);
  });

  test("a cluster that is silent altogether is given up after one limit", async () => {
    await using folder = await scratch();
    for (const member of cluster.members) member.pause();
    try {
      const silent = await save(folder.file("db"), [...access(cluster), "--no-progress=500ms"]);
      assert.equal(silent.status, 11, silent.stderr);
      assert.match(silent.stderr, /none of 3 endpoints/);
    } finally {
      for (const member of cluster.members) member.resume();
    }
  });
});

test("a member whose database is known to be corrupt is not taken", async () => {
  await using cluster = await startCluster({ line: "3.7", members: 3 });
  await using folder = await scratch();
  const leader = await leaderOf(cluster);
  const followers = cluster.endpoints.filter((_url, i) => i !== leader);
  for (const url of followers) {
    using client = await connect(url);
    await client.raise("CORRUPT");
  }
  const saved = await save(folder.file("db"), access(cluster));
  assert.equal(saved.status, 0, saved.stderr);
  assert.match(saved.stderr, /Warning: etcd reports: .*CORRUPT/);
  assert.match(saved.stderr, /taking the snapshot from .* the leader/);
  const alone = await save(folder.file("db"), access(cluster, [followers[0]!]));
  assert.equal(alone.status, 0, alone.stderr);
  assert.match(alone.stderr, /Warning: .* under the alarm CORRUPT.*there is no better one/);
});

test("a learner is taken only if there is nothing better", async () => {
  await using cluster = await startCluster({ line: "3.6" });
  await using folder = await scratch();
  const [clientURL, peerURL] = await freeURLs(2);
  const [voter] = cluster.members;
  const added = await cluster.ctl("member", "add", "m2", "--learner", `--peer-urls=${peerURL}`);
  assert.equal(added.status, 0, added.stderr);
  await using learner = await bootCluster({
    line: "3.6",
    members: [
      { name: "m2", dataDir: folder.file("data"), clientURL: clientURL!, peerURL: peerURL! },
    ],
    flags: [
      `--initial-cluster=${voter!.name}=${voter!.peerURL},m2=${peerURL}`,
      "--initial-cluster-state=existing",
    ],
  });
  const both = await save(
    folder.file("db"),
    access(cluster, [...learner.endpoints, ...cluster.endpoints]),
  );
  assert.equal(both.status, 0, both.stderr);
  assert.match(both.stderr, /member [0-9a-f]+, the leader/);
  const alone = await save(folder.file("db"), access(learner));
  assert.equal(alone.status, 0, alone.stderr);
  assert.match(
    alone.stderr,
    /Warning: taking the snapshot from .* a learner.*there is no better one/,
  );
});

/** Waits until a good part of a snapshot has gone through one of the proxies, and tells which. */
async function underWay(proxies: readonly RecordingProxy[]): Promise<number> {
  const busy = (): number =>
    proxies.findIndex(({ snapshots }) => snapshots.some(({ length }) => length > 200_000));
  await until(async () => busy() >= 0);
  return busy();
}

async function leaderOf(cluster: Cluster): Promise<number> {
  for (const [i, url] of cluster.endpoints.entries()) {
    using client = await connect(url, cluster);
    const { leader, memberId } = await client.status();
    if (leader === memberId) return i;
  }
  throw new Error("no member is the leader");
}
