/** The whole way from SRV records to a snapshot: a name server, real members, and a resolv.conf of our own. */
import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { test, type TestContext } from "node:test";
import { startCluster, type Cluster } from "./support/etcd.ts";
import { BIN } from "./support/holdfast.ts";
import { nameServer, type Zone } from "./support/name-server.ts";
import { run, start, type Running } from "./support/program.ts";
import { access, revisionOf } from "./support/saving.ts";
import { scratch, type Scratch } from "./support/scratch.ts";

const DOMAIN = "example.com";
/** Nothing listens there. */
const DEAD_PORT = 1;

const portOf = ({ endpoints }: Cluster): number => Number(new URL(endpoints[0]!).port);

/** `unshare` gives a process a view of the file system in which another file stands at /etc/resolv.conf. */
const OWN_VIEW = ["-rm", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"'];

async function cannotUnshare(t: TestContext): Promise<boolean> {
  const { status, stderr } = await run("unshare", [...OWN_VIEW, "/dev/null", "true"]);
  if (status !== 0) t.skip(`no mount namespace of our own: ${stderr}`);
  return status !== 0;
}

/** `holdfast` on a machine whose only name server is the one at `address`. */
async function holdfastAsking(
  address: string,
  folder: Scratch,
  args: readonly string[],
  more: NodeJS.ProcessEnv = {},
): Promise<Running> {
  const configuration = folder.file("resolv.conf");
  await writeFile(configuration, `nameserver ${address}\noptions attempts:1\n`);
  const env = { PATH: process.env["PATH"], HOME: process.env["HOME"], ...more };
  return start("unshare", [...OWN_VIEW, configuration, BIN, ...args], { env });
}

test("a save finds its members in the DNS; one that does not answer is left out", async (t) => {
  if (await cannotUnshare(t)) return;
  await using cluster = await startCluster({ line: "3.6" });
  await using folder = await scratch();
  const zone: Zone = {
    [`_etcd-client._tcp.${DOMAIN}`]: [
      [0, 0, DEAD_PORT, "localhost"],
      [10, 0, portOf(cluster), "localhost"],
    ],
  };
  await using server = await nameServer(zone);
  const file = folder.file("a.db");
  const args = ["snapshot", "save", file, "--discovery-srv", DOMAIN];
  const { status, stdout, stderr } = await (
    await holdfastAsking(server.address, folder, args)
  ).finished;
  assert.equal(status, 0, stderr);
  assert.equal(stdout, `Snapshot saved at ${file}\nServer version 3.6.0\n`);
  assert.ok(
    stderr.includes(`taking the snapshot from "http://localhost:${portOf(cluster)}"`),
    stderr,
  );
  await revisionOf(file);
});

test("with TLS, a service name, and the domain in a variable", async (t) => {
  if (await cannotUnshare(t)) return;
  await using cluster = await startCluster({ line: "3.7", tls: true });
  await using folder = await scratch();
  await using server = await nameServer({
    [`_etcd-client-ssl-blue._tcp.${DOMAIN}`]: [[0, 0, portOf(cluster), "localhost."]],
    [`_etcd-client-blue._tcp.${DOMAIN}`]: [[0, 0, DEAD_PORT, "localhost"]],
  });
  const file = folder.file("a.db");
  const flags = access(cluster).filter((flag) => !flag.startsWith("--endpoints"));
  const args = ["snapshot", "save", file, ...flags];
  const env = { ETCDCTL_DISCOVERY_SRV: DOMAIN, ETCDCTL_DISCOVERY_SRV_NAME: "blue" };
  const { status, stderr } = await (
    await holdfastAsking(server.address, folder, args, env)
  ).finished;
  assert.equal(status, 0, stderr);
  assert.ok(
    stderr.includes(`taking the snapshot from "https://localhost:${portOf(cluster)}"`),
    stderr,
  );
  await revisionOf(file);
});

test("a domain without records, and name servers that say nothing, end with a sentence and nothing left", async (t) => {
  if (await cannotUnshare(t)) return;
  await using folder = await scratch();
  const args = [
    "snapshot",
    "save",
    folder.file("a.db"),
    "--discovery-srv",
    DOMAIN,
    "--no-progress=1s",
  ];
  for (const [zone, reason] of [
    [{}, /ENOTFOUND/],
    [undefined, /no answer within 1 s/],
  ] as const) {
    await using server = await nameServer(zone);
    const { status, stderr } = await (await holdfastAsking(server.address, folder, args)).finished;
    assert.equal(status, 5, stderr);
    assert.match(stderr, /^Error: cannot find the endpoints of "example.com" in the DNS: /);
    assert.match(stderr, reason);
    assert.match(stderr, /\nHint: check it with: dig SRV _etcd-client-ssl\._tcp\.example\.com\n$/);
  }
  await using silent = await nameServer(undefined);
  const waiting = await holdfastAsking(silent.address, folder, args.slice(0, -1));
  await silent.asked;
  waiting.kill("SIGTERM");
  const { status, stderr } = await waiting.finished;
  assert.deepEqual([status, stderr], [143, "Error: interrupted by SIGTERM\n"]);
  assert.deepEqual(await readdir(folder.path), ["resolv.conf"]);
});
