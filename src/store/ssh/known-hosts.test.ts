import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { fingerprint, knownHostName, knownKeys } from "./known-hosts.ts";

const KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

function found(hosts: string, host: string, port = 22): number {
  return knownKeys(`# a comment\n\n${hosts} ssh-ed25519 ${KEY} somebody\nbroken\n`, host, port)
    .length;
}

test("a server is found by its name, and by host and port", () => {
  assert.equal(found("backup.example", "backup.example"), 1);
  assert.equal(found("other,backup.example", "Backup.Example"), 1);
  assert.equal(found("backup.example", "backup.example", 2222), 0);
  assert.equal(found("[backup.example]:2222", "backup.example", 2222), 1);
  assert.equal(found("[backup.example]:2222", "backup.example"), 0);
  assert.equal(found("[::1]:2222", "::1", 2222), 1);
});

test("wildcards and exceptions hold", () => {
  assert.equal(found("*.example", "backup.example"), 1);
  assert.equal(found("ba?kup.*", "backup.example"), 1);
  assert.equal(found("ba?kup", "backup.example"), 0);
  assert.equal(found("*.example,!backup.example", "backup.example"), 0);
  assert.equal(found("*a*a*a*a*a*a*a*a*a*a*b", "a".repeat(250)), 0);
});

test("hashed names are found", () => {
  const salt = Buffer.from("01234567890123456789");
  const hash = createHmac("sha1", salt).update("[backup.example]:2222").digest("base64");
  const hosts = `|1|${salt.toString("base64")}|${hash}`;
  assert.equal(found(hosts, "backup.example", 2222), 1);
  assert.equal(found(hosts, "backup.example"), 0);
  assert.equal(found("|1|", "backup.example"), 0);
});

test("revoked keys are marked, authorities passed over", () => {
  const text = `@revoked h ssh-rsa AAAA\n@cert-authority h ssh-rsa AAAA\nh ssh-ed25519 ${KEY}\n`;
  assert.deepEqual(
    knownKeys(text, "h", 22).map(({ type, revoked }) => [type, revoked]),
    [
      ["ssh-rsa", true],
      ["ssh-ed25519", false],
    ],
  );
});

test("names and fingerprints are written as ssh does", () => {
  assert.equal(knownHostName("::1", 2200), "[::1]:2200");
  assert.match(fingerprint(Buffer.from(KEY, "base64")), /^SHA256:[A-Za-z0-9+/]{43}$/);
});
