/** Ways to a member, and what is told where there is none: TLS, users, addresses, ports that are no etcd. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { copyFile, rename, mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { EndpointOptions } from "../src/etcd/cluster-client.ts";
import type { TlsSettings } from "../src/etcd/tls-files.ts";
import { Maintenance } from "../src/etcd/gen/etcdserverpb/rpc_pb.ts";
import { openSnapshot } from "../src/etcd/snapshot.ts";
import { certificate, makeCertificates, type CertificateName } from "./support/certificates.ts";
import { fails, open, until } from "./support/connecting.ts";
import {
  ETCD_LINES,
  bootCluster,
  etcdBinaries,
  freeURLs,
  startCluster,
  type Cluster,
} from "./support/etcd.ts";
import { run } from "./support/program.ts";
import { scratch } from "./support/scratch.ts";

async function status(endpoint: string, more: Partial<EndpointOptions> = {}) {
  using client = await open([endpoint], more);
  return await client.connections[0]!.unary(Maintenance.method.status, {});
}

/** By the other way into a member: a session of its own. */
async function snapshot(endpoint: string, more: Partial<EndpointOptions> = {}) {
  using client = await open([endpoint], more);
  using stream = await openSnapshot(client.connections[0]!);
  return stream.sizeHint;
}

for (const line of ETCD_LINES) {
  test(`${line}: TLS, and every certificate that does not do`, async () => {
    await using cluster = await startCluster({ line, tls: true });
    const endpoint = cluster.endpoints[0]!;
    const files = (name: CertificateName) => certificate(cluster.certificates!, name);
    const { caFile } = files("client");

    assert.equal((await status(endpoint, { tls: files("client") })).leader !== 0n, true);
    await status(endpoint.replace("https://", ""), { tls: files("client") });
    await status(endpoint, { tls: { ...files("client"), serverName: "localhost" } });
    for (const ask of [status, snapshot]) {
      const refused = (tls: TlsSettings) => ask(endpoint, { tls });
      await fails("certificate-required", /wants a client certificate/, refused({ caFile }));
      await fails(
        "certificate-expired",
        /client certificate of "CN=client" expired on 2021-01-01T00:00:00Z/,
        refused(files("client-expired")),
      );
      await fails(
        "certificate-refused",
        /does not accept the client certificate.*foreign CA/,
        refused(files("foreign-client")),
      );
    }
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

  test(`${line}: without a user the name in the client certificate counts`, async () => {
    await using cluster = await startCluster({ line, tls: true, auth: true });
    const endpoint = cluster.endpoints[0]!;
    const tls = certificate(cluster.certificates!, "client");
    const nobody = /client certificate's name is none \(CN=client\)/;
    await fails("authentication-failed", nobody, snapshot(endpoint, { tls }));
    assert.equal((await cluster.ctl("user", "add", "client:pw")).status, 0);
    await fails("permission-denied", /Snapshot: permission denied/, snapshot(endpoint, { tls }));
    assert.equal((await cluster.ctl("user", "grant-role", "client", "root")).status, 0);
    assert.notEqual(await snapshot(endpoint, { tls }), 0);
    assert.notEqual((await status(endpoint, { tls })).leader, 0n);
  });

  test(`${line}: signed tokens expire in the middle of the work`, async () => {
    await using folder = await scratch();
    const [key, pub] = [folder.file("key.pem"), folder.file("pub.pem")];
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    await writeFile(key, privateKey.export({ type: "pkcs8", format: "pem" }));
    await writeFile(pub, publicKey.export({ type: "spki", format: "pem" }));
    const signed = `--auth-token=jwt,pub-key=${pub},priv-key=${key},sign-method=ES256,ttl=1s`;
    await using cluster = await startCluster({ line, auth: true, flags: [signed] });
    const user = { name: cluster.auth!.user, password: cluster.auth!.password };
    using client = await open(cluster.endpoints, { user });
    const { hash } = await client.unary(Maintenance.method.hashKV, {});
    await sleep(1500);
    using stream = await openSnapshot(client.connections[0]!);
    assert.ok(stream.sizeHint > 16_384);
    await sleep(1500);
    assert.equal((await client.unary(Maintenance.method.hashKV, {})).hash, hash);
  });

  test(`${line}: a token that is forgotten is renewed`, async () => {
    await using cluster = await startCluster({ line, auth: true });
    const user = { name: cluster.auth!.user, password: cluster.auth!.password };
    using client = await open(cluster.endpoints, { user });
    const before = await client.unary(Maintenance.method.hashKV, {});
    const connection = client.connections[0]!;
    // simple tokens live in the member's memory
    const restart = async (): Promise<void> => {
      await cluster.members[0]!.stop();
      await cluster.members[0]!.start();
    };
    await restart();
    using stream = await until(/cannot connect|broke/, () => openSnapshot(connection));
    assert.ok(stream.sizeHint > 16_384);
    await restart();
    const after = await until(/cannot connect|broke/, () =>
      connection.unary(Maintenance.method.hashKV, {}),
    );
    assert.equal(after.hash, before.hash);
  });
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
    for (const kind of ["caFile", "certFile", "keyFile"] as const) {
      await copyFile(files[kind], folder.file("new"));
      await rename(folder.file("new"), tls[kind]);
    }
  };
  await install("client-expired");
  using client = await open(cluster.endpoints, { tls });
  const ask = () => client.connections[0]!.unary(Maintenance.method.status, {});
  await fails("certificate-expired", /expired on/, ask());
  await install("client");
  // an attempt in between sees the new certificate and the old key
  await until(/expired on|does not belong/, ask);
});

test("certificates can come through pipes, which are read once and serve every connection", async () => {
  await using cluster = await startCluster({ line: "3.6", tls: true });
  await using folder = await scratch();
  const files = certificate(cluster.certificates!, "client");
  const tls = {
    caFile: folder.file("ca"),
    certFile: folder.file("cert"),
    keyFile: folder.file("key"),
  };
  await run("mkfifo", Object.values(tls));
  const written = Object.entries(tls).map(async ([name, pipe]) =>
    writeFile(pipe, await readFile(files[name as keyof typeof tls])),
  );
  await Promise.all([status(cluster.endpoints[0]!, { tls }), ...written]);
  assert.notEqual(await snapshot(cluster.endpoints[0]!, { tls }), 0);
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
  const peers = plain.members[0]!.peerURL;
  for (const ask of [status, snapshot]) {
    await fails("wrong-protocol", /does not speak TLS/, ask(endpoint.replace("http:", "https:")));
    await fails("connection-failed", /does not answer as etcd/, ask(peers));
    await fails("connection-failed", /nothing listens there/, ask("127.0.0.1:1"));
    await fails("connection-failed", /cannot be resolved/, ask("no.such.host.invalid:1"));
    await fails("connection-failed", /no such socket/, ask("unix:///nonexistent/etcd.sock"));
  }
});

test("where TLS meets a port without it, the hint names what asked for TLS", async () => {
  await using plain = await startCluster({ line: "3.6" });
  await using folder = await scratch();
  const url = plain.endpoints[0]!;
  const address = url.replace("http://", "");
  await makeCertificates(folder.path);
  const { caFile, certFile, keyFile } = certificate(folder.path, "client");
  const cases = [
    [url.replace("http", "https"), { caFile }, "use http:// for this endpoint"],
    [address, {}, "use http:// for this endpoint, or leave out --insecure-transport=false"],
    [address, { caFile }, "use http:// for this endpoint, or leave out --cacert"],
    [
      address,
      { caFile, certFile, keyFile },
      "use http:// for this endpoint, or leave out --cacert, --cert and --key",
    ],
  ] as const;
  for (const [endpoint, tls, hint] of cases)
    await assert.rejects(status(endpoint, { tls }), { code: "wrong-protocol", hint });
});

test("the scheme may be in capitals, and what follows the port of a URL is ignored, as by etcdctl", async () => {
  await using cluster = await startCluster({ line: "3.6" });
  const { etcdctl } = await etcdBinaries("3.6");
  for (const ending of ["", "/", "/v3", "?a=b#c"]) {
    const url = `${cluster.endpoints[0]!.replace("http", "HTTP")}${ending}`;
    const theirs = await run(etcdctl, [`--endpoints=${url}`, "get", "x"]);
    assert.equal(theirs.status, 0, theirs.stderr);
    await status(url);
  }
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
    const impatient = { noProgressMs: 200 };
    for (const ask of [status, snapshot])
      for (const url of [`http://127.0.0.1:${port}`, `https://127.0.0.1:${port}`])
        await fails("no-progress", /silent for 0.2 s/, ask(url, impatient));
    using client = await open([`127.0.0.1:${port}`]);
    const stop = new AbortController();
    const { signal } = stop;
    const asked = [
      client.unary(Maintenance.method.status, {}, { signal }),
      openSnapshot(client.connections[0]!, { signal }),
    ];
    stop.abort(new Error("enough"));
    for (const one of asked) await assert.rejects(one, /enough/);
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
