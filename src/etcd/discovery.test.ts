import assert from "node:assert/strict";
import { Resolver } from "node:dns/promises";
import { test } from "node:test";
import { nameServer, type Zone } from "../../test/support/name-server.ts";
import { HoldfastError } from "../errors.ts";
import { silentLog } from "../io/log.ts";
import { discoverEndpoints } from "./discovery.ts";

const ZONE: Zone = {
  "_etcd-client-ssl._tcp.example.com": [
    [10, 0, 2379, "etcd-2.example.com"],
    [0, 5, 2379, "etcd-1.example.com"],
    [0, 50, 2390, "etcd-0.example.com"],
  ],
  "_etcd-client._tcp.example.com": [[0, 0, 2379, "old.example.com"]],
  "_etcd-client-ssl-blue._tcp.example.com": [[0, 0, 1, "blue.example.com"]],
};

function asking({ address }: { readonly address: string }): Resolver {
  const resolver = new Resolver({ tries: 1 });
  resolver.setServers([address]);
  return resolver;
}

const DOMAIN = { domain: "example.com", serviceName: "", acceptPlain: true };

/** Asks the server, and gives what was found and warned of. */
async function discover(zone: Zone | undefined, more: Partial<typeof DOMAIN> = {}) {
  await using server = await nameServer(zone);
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (text: string) => warnings.push(text) };
  const options = { noProgressMs: 30_000, resolver: asking(server), log };
  return { found: await discoverEndpoints({ ...DOMAIN, ...more }, options), warnings };
}

test("discoverEndpoints() takes TLS first, then priority, then weight", async () => {
  const { found, warnings } = await discover(ZONE);
  assert.deepEqual(found, [
    "https://etcd-0.example.com:2390",
    "https://etcd-1.example.com:2379",
    "https://etcd-2.example.com:2379",
    "http://old.example.com:2379",
  ]);
  assert.deepEqual(warnings, []);
});

test("discoverEndpoints() leaves out and names what has no TLS", async () => {
  const { found, warnings } = await discover(ZONE, { acceptPlain: false });
  assert.equal(found.length, 3);
  assert.match(warnings.join(), /http:\/\/old.example.com:2379" is left out/);
  const plainOnly = { "_etcd-client._tcp.example.com": ZONE["_etcd-client._tcp.example.com"]! };
  await assert.rejects(discover(plainOnly, { acceptPlain: false }), /none of them has TLS/);
});

test("discoverEndpoints() puts the service name behind the service", async () => {
  const { found } = await discover(ZONE, { serviceName: "blue" });
  assert.deepEqual(found, ["https://blue.example.com:1"]);
});

test("discoverEndpoints() says which domain has no records", async () => {
  await assert.rejects(
    discover({}),
    (error) =>
      error instanceof HoldfastError &&
      error.code === "connection-failed" &&
      error.message.includes('"example.com"'),
  );
});

test("discoverEndpoints() gives up on silent name servers", async () => {
  await using server = await nameServer(undefined);
  await assert.rejects(
    discoverEndpoints(DOMAIN, { noProgressMs: 50, resolver: asking(server), log: silentLog }),
    /no answer within 0.05 s/,
  );
});

test("discoverEndpoints() stops when it is told to", async () => {
  await using server = await nameServer(undefined);
  const stop = new AbortController();
  const found = discoverEndpoints(DOMAIN, {
    noProgressMs: 30_000,
    resolver: asking(server),
    log: silentLog,
    signal: stop.signal,
  });
  stop.abort(new Error("enough"));
  await assert.rejects(found, /enough/);
});
