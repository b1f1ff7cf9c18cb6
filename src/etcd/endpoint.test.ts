import assert from "node:assert/strict";
import { test } from "node:test";
import { HoldfastError } from "../errors.ts";
import { parseEndpoint } from "./endpoint.ts";

const GOOD = [
  ["http://10.0.0.1:2379", "dns:10.0.0.1:2379", "10.0.0.1", "plain"],
  ["https://etcd-0.example:2380/", "dns:etcd-0.example:2380", "etcd-0.example", "tls"],
  [" https://etcd-0.example ", "dns:etcd-0.example:2379", "etcd-0.example", "tls"],
  ["HTTP://10.0.0.1:2379", "dns:10.0.0.1:2379", "10.0.0.1", "plain"],
  ["Https://etcd-0.example:2379", "dns:etcd-0.example:2379", "etcd-0.example", "tls"],
  ["http://10.0.0.1:2379/v3?a=b#c", "dns:10.0.0.1:2379", "10.0.0.1", "plain"],
  ["http://10.0.0.1:2379#c", "dns:10.0.0.1:2379", "10.0.0.1", "plain"],
  ["https://[::1]:2379/v3", "dns:[::1]:2379", "::1", "tls"],
  ["UNIX:///run/etcd/m1.sock", "unix:///run/etcd/m1.sock", "m1.sock", "either"],
  ["127.0.0.1:2379", "dns:127.0.0.1:2379", "127.0.0.1", "either"],
  ["localhost", "dns:localhost:2379", "localhost", "either"],
  ["[::1]:1", "dns:[::1]:1", "::1", "either"],
  ["https://[fe80::1]", "dns:[fe80::1]:2379", "fe80::1", "tls"],
  ["unix:///run/etcd/m1.sock", "unix:///run/etcd/m1.sock", "m1.sock", "either"],
  ["unixs:///run/etcd/m1.sock", "unix:///run/etcd/m1.sock", "m1.sock", "tls"],
  ["unix://localhost:2379", "unix:localhost:2379", "localhost:2379", "either"],
  ["unixs:m1.sock", "unix:m1.sock", "m1.sock", "tls"],
] as const;

for (const [text, target, certificateName, transport] of GOOD) {
  test(`parseEndpoint() reads ${JSON.stringify(text)}`, () => {
    const { address, authority, ...rest } = parseEndpoint(text);
    assert.deepEqual(rest, { text: text.trim(), target, certificateName, transport });
    assert.equal(authority, target.startsWith("dns:") ? target.slice(4) : "localhost");
    const place = "path" in address ? address.path : `${address.host}:${address.port}`;
    assert.equal(target.replace(/^(dns:|unix:\/\/(?=\/)|unix:)/, "").replace(/[[\]]/g, ""), place);
  });
}

const BAD = [
  ["", /the host is missing/],
  ["https://", /the host is missing/],
  ["::1:2379", /has to stand in brackets/],
  ["2001:db8::1", /has to stand in brackets/],
  ["[10.0.0.1]:2379", /not an IPv6 address/],
  ["ftp://10.0.0.1:2379", /the scheme "ftp" is not known/],
  ["constructor://10.0.0.1:2379", /the scheme "constructor" is not known/],
  ["http://root:secret@10.0.0.1:2379", /belongs into --user/],
  ["10.0.0.1:2379/v3", /nothing may follow the port/],
  ["http:///v3", /the host is missing/],
  ["http://root:secret@10.0.0.1:2379/v3", /belongs into --user/],
  ["10.0.0.1:0", /there is no port 0/],
  ["10.0.0.1:65536", /there is no port 65536/],
  ["10.0.0.1:http", /not of the form host:port/],
  ["unix://", /the path of the socket is missing/],
] as const;

for (const [text, reason] of BAD) {
  test(`parseEndpoint() refuses ${JSON.stringify(text)}`, () => {
    assert.throws(
      () => parseEndpoint(text),
      (error) =>
        error instanceof HoldfastError && error.code === "usage" && reason.test(error.message),
    );
  });
}

test("parseEndpoint() does not repeat a password", () => {
  assert.throws(
    () => parseEndpoint("http://root:secret@10.0.0.1:2379"),
    (error) => error instanceof HoldfastError && !error.message.includes("secret"),
  );
});
