import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { test } from "node:test";
import { textBytes } from "../format/bytes.ts";
import { HoldfastError } from "../errors.ts";
import { silentLog } from "../io/log.ts";
import { discoverEndpoints } from "./discovery.ts";

/** [priority, weight, port, target] by queried name. */
type Zone = Record<string, readonly (readonly [number, number, number, string])[]>;

const ZONE: Zone = {
  "_etcd-client-ssl._tcp.example.com": [
    [10, 0, 2379, "etcd-2.example.com"],
    [0, 5, 2379, "etcd-1.example.com"],
    [0, 50, 2390, "etcd-0.example.com"],
  ],
  "_etcd-client._tcp.example.com": [[0, 0, 2379, "old.example.com"]],
  "_etcd-client-ssl-blue._tcp.example.com": [[0, 0, 1, "blue.example.com"]],
};

/** A name server of one zone; it says NXDOMAIN to everything else, and with no zone says nothing at all. */
async function nameServer(zone: Zone | undefined) {
  const socket = createSocket("udp4");
  socket.on("message", (query, from) => {
    if (zone !== undefined) socket.send(answer(query, zone), from.port, from.address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const resolver = new Resolver({ tries: 1 });
  resolver.setServers([`127.0.0.1:${socket.address().port}`]);
  return { resolver, [Symbol.asyncDispose]: () => closed(socket) };
}

async function closed(socket: Socket): Promise<void> {
  socket.close();
  await once(socket, "close");
}

/** RFC 1035: header, the question as it was asked, one SRV record (RFC 2782) for each answer. */
function answer(query: Buffer, zone: Zone): Buffer {
  const labels: string[] = [];
  let at = 12;
  for (; query[at] !== 0; at += query[at]! + 1)
    labels.push(query.toString("latin1", at + 1, at + 1 + query[at]!));
  const question = query.subarray(12, at + 5);
  const records = zone[labels.join(".")];
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(records === undefined ? 0x8583 : 0x8580, 2);
  header.writeUInt16BE(records?.length ?? 0, 6);
  header.writeUInt32BE(0, 8);
  return Buffer.concat([header, question, ...(records ?? []).map(srvRecord)]);
}

function srvRecord([priority, weight, port, target]: Zone[string][number]): Buffer {
  const labels = target.split(".").map((label) => `${String.fromCharCode(label.length)}${label}`);
  const name = textBytes(labels.join(""));
  const data = Buffer.alloc(6 + name.length + 1);
  data.writeUInt16BE(priority, 0);
  data.writeUInt16BE(weight, 2);
  data.writeUInt16BE(port, 4);
  data.set(name, 6);
  const head = Buffer.from([0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, data.length]);
  return Buffer.concat([head, data]);
}

const DOMAIN = { domain: "example.com", serviceName: "", acceptPlain: true };

/** Asks the server, and gives what was found and warned of. */
async function discover(zone: Zone | undefined, more: Partial<typeof DOMAIN> = {}) {
  await using server = await nameServer(zone);
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (text: string) => warnings.push(text) };
  const options = { noProgressMs: 30_000, resolver: server.resolver, log };
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
    discoverEndpoints(DOMAIN, { noProgressMs: 50, resolver: server.resolver, log: silentLog }),
    /no answer within 0.05 s/,
  );
});

test("discoverEndpoints() stops when it is told to", async () => {
  await using server = await nameServer(undefined);
  const stop = new AbortController();
  const found = discoverEndpoints(DOMAIN, {
    noProgressMs: 30_000,
    resolver: server.resolver,
    log: silentLog,
    signal: stop.signal,
  });
  stop.abort(new Error("enough"));
  await assert.rejects(found, /enough/);
});
