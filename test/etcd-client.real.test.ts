/** The client against real members of every line: all that it can say, failover, streams, changes of membership. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AlarmType,
  Auth,
  Cluster as ClusterService,
  KV,
  Lease,
  Maintenance,
  Watch,
} from "../src/etcd/gen/etcdserverpb/rpc_pb.ts";
import { probe } from "../src/etcd/probe.ts";
import { HoldfastError } from "../src/errors.ts";
import { Event_EventType as EventType } from "../src/etcd/gen/mvccpb/kv_pb.ts";
import { bytesText, textBytes } from "../src/format/bytes.ts";
import { connect } from "./support/client.ts";
import { fails, open, until } from "./support/connecting.ts";
import { ETCD_LINES, bootCluster, freeURLs, startCluster } from "./support/etcd.ts";
import { scratch } from "./support/scratch.ts";

for (const line of ETCD_LINES) {
  test(`${line}: the interface is described as the server speaks it`, async () => {
    await using cluster = await startCluster({ line });
    using client = await open(cluster.endpoints);
    const key = textBytes("k");

    const lease = await client.unary(Lease.method.leaseGrant, { TTL: 600n });
    const put = await client.unary(KV.method.put, { key, value: textBytes("v"), lease: lease.ID });
    assert.equal(put.header?.revision, 2n);
    const { kvs, count } = await client.unary(KV.method.range, { key });
    assert.deepEqual([count, bytesText(kvs[0]!.value), kvs[0]!.lease], [1n, "v", lease.ID]);
    const ttl = await client.unary(Lease.method.leaseTimeToLive, { ID: lease.ID, keys: true });
    assert.deepEqual([ttl.grantedTTL, ttl.keys.map(bytesText)], [600n, ["k"]]);
    const leases = await client.unary(Lease.method.leaseLeases, {});
    assert.deepEqual(
      leases.leases.map(({ ID }) => ID),
      [lease.ID],
    );

    const txn = await client.unary(KV.method.txn, {
      compare: [{ key, targetUnion: { case: "version", value: 1n } }],
      success: [{ request: { case: "requestDeleteRange", value: { key, prevKv: true } } }],
    });
    assert.ok(txn.succeeded);
    assert.equal(txn.responses[0]?.response.case, "responseDeleteRange");
    await client.unary(KV.method.compact, { revision: 3n, physical: true });
    await client.unary(Lease.method.leaseRevoke, { ID: lease.ID });

    const { members } = await client.unary(ClusterService.method.memberList, {});
    assert.deepEqual(
      members.map(({ name, peerURLs }) => [name, peerURLs]),
      cluster.members.map(({ name, peerURL }) => [name, [peerURL]]),
    );
    const { version, leader, dbSize } = await client.unary(Maintenance.method.status, {});
    assert.ok(version.startsWith(line));
    assert.equal(leader, members[0]!.ID);
    assert.ok(dbSize > 0n);
    assert.deepEqual((await client.unary(Maintenance.method.alarm, {})).alarms, []);

    using reference = await connect(cluster.endpoints[0]!);
    await client.unary(KV.method.put, { key, value: key });
    const hash = await client.unary(Maintenance.method.hashKV, { revision: 4n });
    assert.equal(hash.hash, (await reference.hashKV(4n)).hash);
    assert.equal(hash.compactRevision, 3n);
    if (line !== "3.4")
      assert.equal((await client.unary(Auth.method.authStatus, {})).enabled, false);
    await fails(
      "revision-in-future",
      /does not exist/,
      client.unary(Maintenance.method.hashKV, { revision: 99n }),
    );
    await fails(
      "revision-compacted",
      /compacted/,
      client.unary(Maintenance.method.hashKV, { revision: 2n }),
    );
  });
}

test("a call goes to another member when the first is gone, unless it may have been done", async () => {
  await using cluster = await startCluster({ line: "3.6", members: 3 });
  using client = await open(cluster.endpoints);
  const answered = async (): Promise<bigint> =>
    (await client.unary(Maintenance.method.status, {})).header!.memberId;
  const first = await answered();
  assert.equal(await answered(), first, "it stays where it is");
  const ids = await Promise.all(
    client.connections.map(
      async (one) => (await one.unary(Maintenance.method.status, {})).header!.memberId,
    ),
  );
  await cluster.members[ids.indexOf(first)]!.stop("SIGKILL");
  assert.notEqual(await answered(), first);

  using dead = await open(["127.0.0.1:1", "127.0.0.1:2"]);
  await fails(
    "connection-failed",
    /none of 2 endpoints/,
    dead.unary(Maintenance.method.status, {}),
  );
});

test("a watch tells what happens, and ends when it is told to", async () => {
  await using cluster = await startCluster({ line: "3.6" });
  using client = await open(cluster.endpoints);
  const stop = new AbortController();
  using watch = await client.connections[0]!.duplex(Watch.method.watch, { signal: stop.signal });
  watch.send({
    requestUnion: {
      case: "createRequest",
      value: {
        key: Uint8Array.of(0),
        rangeEnd: Uint8Array.of(0),
        startRevision: 2n,
        fragment: true,
      },
    },
  });
  const responses = watch[Symbol.asyncIterator]();
  assert.equal((await responses.next()).value.created, true);
  const key = textBytes("k");
  await client.unary(KV.method.put, { key, value: textBytes("1") });
  await client.unary(KV.method.deleteRange, { key });
  const seen: EventType[] = [];
  while (seen.length < 2)
    for (const { type } of (await responses.next()).value.events) seen.push(type);
  assert.deepEqual(seen, [EventType.PUT, EventType.DELETE]);
  const next = responses.next();
  stop.abort(new Error("enough"));
  await assert.rejects(next, /enough/);
});

test("a watch that is cut off says which connection broke", async () => {
  await using cluster = await startCluster({ line: "3.6" });
  using client = await open(cluster.endpoints);
  using watch = await client.connections[0]!.duplex(Watch.method.watch);
  watch.send({ requestUnion: { case: "createRequest", value: { key: textBytes("k") } } });
  const responses = watch[Symbol.asyncIterator]();
  await responses.next();
  await cluster.members[0]!.stop("SIGKILL");
  await fails("connection-failed", /broke during Watch/, responses.next());
});

test("a watch on a member that has stopped ends, where pings are wanted", async () => {
  await using cluster = await startCluster({ line: "3.6" });
  using client = await open(cluster.endpoints, { keepAlive: { timeMs: 500, timeoutMs: 500 } });
  using watch = await client.connections[0]!.duplex(Watch.method.watch);
  watch.send({ requestUnion: { case: "createRequest", value: { key: textBytes("k") } } });
  const responses = watch[Symbol.asyncIterator]();
  await responses.next();
  cluster.members[0]!.pause();
  await fails("connection-failed", /broke during Watch/, responses.next());
});

test("a lease is kept alive through a call in both directions", async () => {
  await using cluster = await startCluster({ line: "3.6" });
  using client = await open(cluster.endpoints);
  const { ID } = await client.unary(Lease.method.leaseGrant, { TTL: 600n });
  using call = await client.connections[0]!.duplex(Lease.method.leaseKeepAlive);
  call.send({ ID });
  call.end();
  const answers = [];
  for await (const { TTL } of call) answers.push(TTL);
  assert.deepEqual(answers, [600n]);
});

test("members come and go, and a learner says what it cannot do", async () => {
  await using cluster = await startCluster({ line: "3.6" });
  await using folder = await scratch();
  using client = await open(cluster.endpoints);
  const [clientURL, peerURL] = await freeURLs(2);
  const added = await client.unary(ClusterService.method.memberAdd, {
    peerURLs: [peerURL!],
    isLearner: true,
  });
  const [voter] = cluster.members;
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
  using toLearner = await open(learner.endpoints);
  assert.equal((await toLearner.unary(Maintenance.method.status, {})).isLearner, true);
  await fails(
    "member-is-learner",
    /is a learner/,
    toLearner.unary(KV.method.put, { key: textBytes("k"), value: textBytes("v") }),
  );
  const ID = added.member!.ID;
  // a learner is promoted only when it has caught up, and a cluster has to be healthy to be changed
  await until(/in sync with leader/, () =>
    client.unary(ClusterService.method.memberPromote, { ID }),
  );
  await until(/no leader/, () => client.unary(ClusterService.method.memberRemove, { ID }));
  const { members } = await client.unary(ClusterService.method.memberList, {});
  assert.equal(members.length, 1);
});

test("an alarm can be read", async () => {
  await using cluster = await startCluster({ line: "3.6" });
  using reference = await connect(cluster.endpoints[0]!);
  await reference.raise("NOSPACE");
  using client = await open(cluster.endpoints);
  const { alarms } = await client.unary(Maintenance.method.alarm, {});
  assert.deepEqual(
    alarms.map(({ alarm }) => alarm),
    [AlarmType.NOSPACE],
  );
});

test("a cluster without a leader is told from one that is gone", async () => {
  await using cluster = await startCluster({ line: "3.6", members: 3 });
  const [survivor, ...others] = cluster.members;
  await Promise.all(others.map((one) => one.stop("SIGKILL")));
  using client = await open([survivor!.clientURL]);
  const put = client.unary(KV.method.put, { key: textBytes("k"), value: textBytes("v") });
  await fails("no-leader", /has no leader/, put);
});

test("where nobody can give a token, the advice is that of the member that answered", async () => {
  await using cluster = await startCluster({ line: "3.6", members: 3, auth: true });
  const [, ...others] = cluster.members;
  await Promise.all(others.map((one) => one.stop("SIGKILL")));
  const user = { name: cluster.auth!.user, password: cluster.auth!.password };
  using client = await open(cluster.endpoints.toReversed(), { user });
  const { signal } = new AbortController();
  const failure = await probe(client.connections, { stragglersMs: 1000, signal }).catch(
    (error: unknown) => error,
  );
  assert.ok(failure instanceof HoldfastError);
  assert.match(failure.message, /none of 3 .* refused Authenticate: the cluster has no leader/);
  assert.match(failure.hint ?? "", /election .* the disk of one$/);
});
