import assert from "node:assert/strict";
import { test } from "node:test";
import { directoryFlags } from "./directory.ts";

test("the log is named unless it is where etcd looks for it", () => {
  const dataDir = "/var/lib/etcd";
  const cases = [
    ["/var/lib/etcd/member/wal", "--data-dir=/var/lib/etcd"],
    ["/var/lib/etcd/member/wal2", "--data-dir=/var/lib/etcd --wal-dir=/var/lib/etcd/member/wal2"],
    ["/var/lib/etcd/wal", "--data-dir=/var/lib/etcd --wal-dir=/var/lib/etcd/wal"],
    ["/wal", "--data-dir=/var/lib/etcd --wal-dir=/wal"],
  ];
  for (const [walDir, flags] of cases)
    assert.equal(directoryFlags({ dataDir, walDir: walDir! }), flags);
});

test("names that a shell would take apart are quoted", () => {
  const dataDir = "/it's a dir";
  assert.equal(
    directoryFlags({ dataDir, walDir: `${dataDir}/member/wal` }),
    `--data-dir='/it'\\''s a dir'`,
  );
});
