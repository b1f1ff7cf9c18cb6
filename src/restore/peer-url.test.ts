import assert from "node:assert/strict";
import { test } from "node:test";
import { HoldfastError } from "../errors.ts";
import { parsePeerURL, parsePeerURLs } from "./peer-url.ts";

test("parsePeerURL() gives the text that etcd would hash", () => {
  const cases: [given: string, text: string][] = [
    ["http://localhost:2380", "http://localhost:2380"],
    ["  https://10.0.0.1:2380\n", "https://10.0.0.1:2380"],
    ["HTTPS://Etcd-1.Example.COM:2380", "https://Etcd-1.Example.COM:2380"],
    ["http://[::1]:2380", "http://[::1]:2380"],
    ["http://[fe80::1%25eth0]:2380", "http://[fe80::1%25eth0]:2380"],
    ["http://:2380", "http://:2380"],
    ["unix:///run/etcd/peer.sock", "unix:///run/etcd/peer.sock"],
    ["unixs://localhost:20010", "unixs://localhost:20010"],
  ];
  for (const [given, text] of cases) assert.equal(parsePeerURL(given).text, text);
});

test("parsePeerURL() splits host and port, brackets off", () => {
  const { host, port } = parsePeerURL("http://[fe80::1%25eth0]:2380");
  assert.deepEqual([host, port], ["fe80::1%eth0", "2380"]);
});

test("parsePeerURL() refuses what etcd refuses, in its words", () => {
  const cases: [given: string, message: RegExp][] = [
    ["", /^URL scheme must be http, https, unix, or unixs: $/],
    ["10.0.0.1:2380", /^URL scheme must be http, https, unix, or unixs: 10\.0\.0\.1:2380$/],
    ["localhost:2380", /^URL scheme must be/],
    ["ftp://a:1", /^URL scheme must be/],
    ["http://a", /^URL address does not have the form "host:port": http:\/\/a$/],
    ["http:a:1", /does not have the form/],
    ["http://::1:2380", /does not have the form/],
    ["http://user:secret@a:1", /does not have the form/],
    ["http://a b:1", /does not have the form/],
    ["http://a:port", /does not have the form/],
    ["http://a:1/", /^URL must not contain a path: http:\/\/a:1\/$/],
    ["http://a:1/x", /^URL must not contain a path: http:\/\/a:1\/x$/],
    ["unix:", /is not the path of a socket/],
    ["unix://", /is not the path of a socket/],
    ["unix://a b", /is not the path of a socket/],
  ];
  for (const [given, message] of cases) {
    assert.throws(
      () => parsePeerURL(given),
      (error: HoldfastError) => {
        assert.equal(error.code, "initial-cluster");
        assert.match(error.message, message);
        return true;
      },
      given,
    );
  }
});

test("parsePeerURLs() sorts by text", () => {
  const urls = parsePeerURLs(["http://b:2", "http://b:10", "http://a:3"]).map(({ text }) => text);
  assert.deepEqual(urls, ["http://a:3", "http://b:10", "http://b:2"]);
});
