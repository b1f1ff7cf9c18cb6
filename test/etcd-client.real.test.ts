/** The client against real members of every line: ways in, refusals, tokens, failover, streams. */
import assert from "node:assert/strict";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { test } from "node:test";
import { HoldfastError, type ErrorCode } from "../src/errors.ts";
import { createClusterClient, type EndpointOptions } from "../src/etcd/cluster-client.ts";
import {
  AlarmType,
  Auth,
  Cluster as ClusterService,
  KV,
  Lease,
  Maintenance,
  Watch,
} from "../src/etcd/gen/etcdserverpb/rpc_pb.ts";
import { Event_EventType as EventType } from "../src/etcd/gen/mvccpb/kv_pb.ts";
import { bytesText, textBytes } from "../src/format/bytes.ts";
import { certificate, type CertificateName } from "./support/certificates.ts";
import { connect } from "./support/client.ts";
import { ETCD_LINES, bootCluster, freeURLs, startCluster, type Cluster } from "./support/etcd.ts";
import { scratch } from "./support/scratch.ts";

const LIMIT = 30_000;

function open(endpoints: readonly string[], more: Partial<EndpointOptions> = {}) {
  return createClusterClient({ endpoints, noProgressMs: LIMIT, ...more });
}

async function status(endpoint: string, more: Partial<EndpointOptions> = {}) {
  using client = await open([endpoint], more);
  return await client.connections[0]!.unary(Maintenance.method.status, {});
}

async function fails(code: ErrorCode, words: RegExp, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof HoldfastError, String(error));
    assert.match(error.message, words);
    assert.equal(error.code, code, error.message);
    assert.notEqual(error.hint, undefined);
    return true;
  });
}

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

  test(`${line}: TLS, and every certificate that does not do`, async () => {
    await using cluster = await startCluster({ line, tls: true });
    const endpoint = cluster.endpoints[0]!;
    const files = (name: CertificateName) => certificate(cluster.certificates!, name);
    const { caFile } = files("client");

    assert.equal((await status(endpoint, { tls: files("client") })).leader !== 0n, true);
    await status(endpoint.replace("https://", ""), { tls: files("client") });
    await status(endpoint, { tls: { ...files("client"), serverName: "localhost" } });
    await fails(
      "certificate-required",
      /wants a client certificate/,
      status(endpoint, { tls: { caFile } }),
    );
    await fails(
      "certificate-expired",
      /client certificate of "CN=client" expired on 2021-01-01T00:00:00Z/,
      status(endpoint, { tls: files("client-expired") }),
    );
    await fails(
      "certificate-refused",
      /does not accept the client certificate.*foreign CA/,
      status(endpoint, { tls: files("foreign-client") }),
    );
    await fails("certificate-untrusted", /issued by "test CA"/, status(endpoint));
    const otherName = { ...files("client"), serverName: "etcd.example" };
    await fails(
      "certificate-name-mismatch",
      /does not hold for "etcd.example" but for localhost, 127.0.0.1/,
      status(endpoint, { tls: otherName }),
    );
    await status(endpoint, { tls: { ...otherName, skipVerify: true } });
    const plain = endpoint.replace("https:", "http:");
    await fails("wrong-protocol", /speaks TLS only/, status(plain, { tls: files("client") }));
  });

  test(`${line}: users, passwords and tokens`, async () => {
    await using cluster = await startCluster({ line, auth: true });
    const endpoint = cluster.endpoints[0]!;
    const hash = async (more: Partial<EndpointOptions>) => {
      using client = await open([endpoint], more);
      return await client.unary(Maintenance.method.hashKV, {});
    };
    const root = { name: cluster.auth!.user, password: cluster.auth!.password };
    for (const step of ["user add plain:pw", "role add r", "user grant-role plain r"])
      assert.equal((await cluster.ctl(...step.split(" "))).status, 0);

    await hash({ user: root });
    await fails("authentication-failed", /authentication is on, and no user/, hash({}));
    const wrong = { ...root, password: "wrong-password" };
    await fails(
      "authentication-failed",
      /wrong user or password for "root"/,
      hash({ user: wrong }),
    );
    await hash({ user: wrong }).catch((error: Error) =>
      assert.doesNotMatch(`${error.message} ${error.stack}`, /wrong-password/),
    );
    await fails(
      "permission-denied",
      /permission denied to the user "plain"/,
      hash({ user: { name: "plain", password: "pw" } }),
    );
    await fails("authentication-failed", /token is not accepted/, hash({ token: "nonsense.1" }));
  });

  test(`${line}: a token that is forgotten is renewed`, async () => {
    await using cluster = await startCluster({ line, auth: true });
    const user = { name: cluster.auth!.user, password: cluster.auth!.password };
    using client = await open(cluster.endpoints, { user });
    const before = await client.unary(Maintenance.method.hashKV, {});
    // simple tokens live in the member's memory
    await cluster.members[0]!.stop();
    await cluster.members[0]!.start();
    const after = await until(/cannot connect|broke/, () =>
      client.unary(Maintenance.method.hashKV, {}),
    );
    assert.equal(after.hash, before.hash);
  });
}

/** Tries until it works or fails in another way: some things take a member or the gRPC library a moment. */
async function until<T>(transient: RegExp, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === 200 || !transient.test(String(error))) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

for (const [name, code, words] of [
  ["server-expired", "certificate-expired", /server's certificate expired on 2021-01-01T00:00:00Z/],
  [
    "server-other-name",
    "certificate-name-mismatch",
    /not hold for "127.0.0.1" but for etcd.example/,
  ],
  ["foreign-server", "certificate-untrusted", /issued by "foreign CA"/],
] as const) {
  test(`a member that shows the certificate ${name} is not talked to`, async () => {
    await using own = await startCluster({ line: "3.6", tls: true });
    await using member = await memberShowing(own, name);
    const tls = certificate(own.certificates!, "client");
    await fails(code, words, status(member.endpoints[0]!, { tls }));
    await status(member.endpoints[0]!, { tls: { ...tls, skipVerify: true } });
  });
}

/** A member with plain peers and one odd certificate for its clients. */
async function memberShowing(own: Cluster, name: CertificateName): Promise<Cluster> {
  const [clientURL, peerURL] = await freeURLs(2);
  const { certFile, keyFile } = certificate(own.certificates!, name);
  const shown = `${own.members[0]!.dataDir}-${name}`;
  await mkdir(shown);
  // Told ready by its plain URL; the other one is for the test.
  const [secureURL] = await freeURLs(1, true);
  const cluster = await bootCluster({
    line: "3.6",
    members: [{ name: "m1", dataDir: `${shown}/data`, clientURL: clientURL!, peerURL: peerURL! }],
    flags: [
      `--cert-file=${certFile}`,
      `--key-file=${keyFile}`,
      `--listen-client-urls=${clientURL},${secureURL}`,
    ],
  });
  return { ...cluster, endpoints: [secureURL!] };
}

test("certificates that rotate are used by the next connection", async () => {
  await using cluster = await startCluster({ line: "3.6", tls: true });
  await using folder = await scratch();
  const tls = {
    caFile: folder.file("ca"),
    certFile: folder.file("cert"),
    keyFile: folder.file("key"),
  };
  const install = async (name: CertificateName): Promise<void> => {
    const files = certificate(cluster.certificates!, name);
    await copyFile(files.caFile, tls.caFile);
    await copyFile(files.certFile, tls.certFile);
    await copyFile(files.keyFile, tls.keyFile);
  };
  await install("client-expired");
  using client = await open(cluster.endpoints, { tls });
  const ask = () => client.connections[0]!.unary(Maintenance.method.status, {});
  await fails("certificate-expired", /expired on/, ask());
  await install("client");
  await until(/expired on/, ask);
});

test("files that cannot be used are named before anything is connected", async () => {
  await using cluster = await startCluster({ line: "3.6", tls: true });
  await using folder = await scratch();
  const good = certificate(cluster.certificates!, "client");
  await writeFile(folder.file("text"), "no certificate\n");
  await writeFile(
    folder.file("broken"),
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
  );
  await writeFile(
    folder.file("locked"),
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
  );
  const other = certificate(cluster.certificates!, "server").keyFile;
  const cases = [
    [
      { ...good, caFile: folder.file("missing") },
      /cannot read the CA certificate ".*missing": no such file/,
    ],
    [{ ...good, caFile: folder.path }, /cannot read the CA certificate/],
    [
      { ...good, caFile: folder.file("text") },
      /CA certificate ".*text": it holds no PEM certificate/,
    ],
    [{ ...good, caFile: folder.file("broken") }, /CA certificate ".*broken": it is not PEM/],
    [{ ...good, certFile: folder.file("text") }, /client certificate ".*text": it holds no PEM/],
    [{ ...good, keyFile: folder.file("text") }, /client key ".*text": it is not PEM/],
    [{ ...good, keyFile: folder.file("locked") }, /client key ".*locked": it is locked/],
    [{ ...good, keyFile: other }, /client key ".*": it does not belong to the certificate/],
    [{ caFile: good.caFile, certFile: good.certFile }, /--key is missing/],
  ] as const;
  for (const [tls, words] of cases)
    await fails("certificate-unusable", words, open(["https://127.0.0.1:1"], { tls }));
});

test("ports that are no etcd are told apart", async () => {
  await using plain = await startCluster({ line: "3.6" });
  const endpoint = plain.endpoints[0]!;
  await fails("wrong-protocol", /does not speak TLS/, status(endpoint.replace("http:", "https:")));
  await fails("connection-failed", /does not answer as etcd/, status(plain.members[0]!.peerURL));
  await fails("connection-failed", /nothing listens there/, status("127.0.0.1:1"));
  await fails("connection-failed", /cannot be resolved/, status("no.such.host.invalid:1"));
  await fails("connection-failed", /no such socket/, status("unix:///nonexistent/etcd.sock"));
});

test("a port that says nothing is given up after the limit, and at once when told to", async () => {
  const silent = createServer((socket) => void socket.on("error", () => {}).resume()).listen(
    0,
    "127.0.0.1",
  );
  const { port } = await new Promise<{ port: number }>((resolve) =>
    silent.once("listening", () => resolve(silent.address() as { port: number })),
  );
  try {
    await fails(
      "no-progress",
      /silent for 0.2 s/,
      status(`127.0.0.1:${port}`, { noProgressMs: 200 }),
    );
    await fails(
      "no-progress",
      /silent for 0.2 s/,
      status(`https://127.0.0.1:${port}`, { noProgressMs: 200 }),
    );
    using client = await open([`127.0.0.1:${port}`]);
    const stop = new AbortController();
    const asked = client.unary(Maintenance.method.status, {}, { signal: stop.signal });
    stop.abort(new Error("enough"));
    await assert.rejects(asked, /enough/);
  } finally {
    silent.close();
  }
});

test("a unix socket and IPv6 are as good as any address", async () => {
  await using folder = await scratch();
  const socket = folder.file("etcd.sock");
  const [clientURL, peerURL] = await freeURLs(2);
  const { port } = new URL(clientURL!);
  await using _cluster = await bootCluster({
    line: "3.6",
    members: [
      { name: "m1", dataDir: folder.file("data"), clientURL: clientURL!, peerURL: peerURL! },
    ],
    flags: [`--listen-client-urls=${clientURL},http://[::1]:${port},unix://${socket}:0`],
  });
  const { header } = await status(clientURL!);
  assert.equal((await status(`[::1]:${port}`)).header?.memberId, header?.memberId);
  assert.equal((await status(`http://localhost:${port}`)).header?.memberId, header?.memberId);
  assert.equal((await status(`unix://${socket}:0`)).header?.memberId, header?.memberId);
});

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
