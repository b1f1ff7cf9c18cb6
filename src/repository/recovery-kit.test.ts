import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fetchCommands } from "./fetch-commands.ts";
import { kitText } from "./recovery-kit.ts";

const KEYS = {
  identity: "# created: now\n# public key: age1x\nAGE-SECRET-KEY-1X\n",
  allowedSigners: 'holdfast namespaces="holdfast" ssh-ed25519 AAAA',
  principal: "holdfast",
  created: "2026-11-24T07:03:20Z",
};

/** Runs what the kit sets up, with the store's own tool replaced by one that prints its arguments. */
function tried(url: string, tool: string, run: string): string[] {
  const lines = fetchCommands(url).setUp("prod").join("\n");
  const script = `${tool}() { cat > /dev/null; for word in "$@"; do echo "$word" >&2; done; }\n${lines}\n${run}\n`;
  const output = execFileSync("/bin/sh", ["-euc", `{ ${script} } 2>&1`], { input: "" });
  return output.toString().trim().split("\n");
}

const FETCH = 'fetch "prod/backups/ID.json"';

test("each kind of store is read with its own tool", () => {
  const cases: [url: string, tool: string, list: string[], fetch: string[]][] = [
    [
      "s3://bucket/a%20b?endpoint=https://s3.example.com:9000&region=eu-1",
      "aws",
      ["s3", "ls", "--endpoint-url", "https://s3.example.com:9000", "--region", "eu-1"].concat(
        "s3://bucket/a b/prod/backups/",
      ),
      ["s3", "cp", "--endpoint-url", "https://s3.example.com:9000", "--region", "eu-1"].concat(
        "s3://bucket/a b/prod/backups/ID.json",
        ".",
      ),
    ],
    [
      "gs://bucket",
      "gcloud",
      ["storage", "ls", "gs://bucket/prod/backups/"],
      ["storage", "cp", "gs://bucket/prod/backups/ID.json", "."],
    ],
    [
      "rsync://etcd@host:8730/module/x",
      "rsync",
      ["--list-only", "rsync://etcd@host:8730/module/x/prod/backups/"],
      ["rsync://etcd@host:8730/module/x/prod/backups/ID.json", "."],
    ],
    [
      "sftp://etcd@host:2222/srv/backups",
      "sftp",
      ["-q", "-b", "-", "-P", "2222", "etcd@host"],
      ["-q", "-P", "2222", "etcd@host:/srv/backups/prod/backups/ID.json", "."],
    ],
  ];
  for (const [url, tool, list, fetch] of cases) {
    assert.deepEqual(tried(url, tool, "names"), list, url);
    assert.deepEqual(tried(url, tool, FETCH), fetch, url);
  }
  const azure = "azblob://account/container/x";
  assert.ok(tried(azure, "az", "names").includes("x/prod/backups/"));
  assert.ok(tried(azure, "az", FETCH).includes("x/prod/backups/ID.json"));
  assert.ok(tried(azure, "az", FETCH).includes("ID.json"));
});

test("the kit says what and where, holds the keys, and names credentials without holding them", () => {
  const urls = ["s3://bucket/x", "/var/backups/etcd"];
  const text = kitText({ urls, cluster: "prod" }, KEYS);
  for (const part of [
    'Recovery kit of the cluster "prod"',
    "AGE-SECRET-KEY-1X",
    KEYS.allowedSigners,
    "`s3://bucket/x`",
    "`/var/backups/etcd`",
    "AWS_SECRET_ACCESS_KEY",
    "holdfast restore latest --repo s3://bucket/x --cluster prod",
  ])
    assert.ok(text.includes(part), part);
  assert.ok(text.split("\n").length < 90, "it is longer than a page");
});

test("a quote in a path does not end the command", () => {
  const path = "/srv/it's here/x";
  assert.match(
    fetchCommands(path).setUp("prod")[0]!,
    /ls '\/srv\/it'\\''s here\/x\/prod\/backups'/,
  );
  const text = kitText({ urls: [path], cluster: "prod" }, KEYS);
  assert.ok(text.includes("restore latest --repo '/srv/it'\\''s here/x' --cluster prod"), text);
  assert.equal(text.match(/<<'END'/g)?.length, 2);
});
