/** `snapshot save` against real members of every line: what is written, and what is told when there is nothing to write. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile, stat, writeFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { certificate } from "./support/certificates.ts";
import { runCommand } from "./support/cli.ts";
import { ETCD_LINES, startCluster, type Cluster } from "./support/etcd.ts";
import { fill } from "./support/fill.ts";
import { holdfast } from "./support/holdfast.ts";
import { recordingProxy } from "./support/recording-proxy.ts";
import { SEVERAL_MB, access, left, revisionOf, save } from "./support/saving.ts";
import { scratch } from "./support/scratch.ts";

for (const line of ETCD_LINES) {
  for (const secured of [false, true]) {
    test(`${line} ${secured ? "TLS and auth" : "plain"}: the file is what the server sent`, async () => {
      await using cluster = await startCluster({ line, tls: secured, auth: secured });
      await using folder = await scratch();
      await fill(cluster.endpoints[0]!, { ...cluster, keys: 300, seed: 1 });
      await using proxy = await recordingProxy(cluster);
      await writeFile(folder.file("db"), "an older one", { mode: 0o644 });

      const saved = await save(folder.file("db"), access(cluster, [proxy.url]), cluster);
      assert.equal(saved.status, 0, saved.stderr);
      assert.deepEqual(await readFile(folder.file("db")), proxy.snapshots[0]);
      assert.equal((await stat(folder.file("db"))).mode & 0o777, 0o600);
      assert.deepEqual(await left(folder), ["db"]);
      await revisionOf(folder.file("db"));

      const theirs = await cluster.ctl("snapshot", "save", folder.file("db"));
      assert.equal(theirs.status, 0, theirs.stderr);
      assert.equal(saved.stdout, theirs.stdout, "scripts find the output that they know");

      proxy.breakWith({ cutAfter: 100_000 });
      const cut = await save(folder.file("cut"), access(cluster, [proxy.url]), cluster);
      assert.equal(cut.status, 5, cut.stderr);
      assert.match(cut.stderr, /broke during Snapshot/);
      assert.deepEqual(await left(folder), ["db"]);
    });
  }
}

describe("of one member", () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await startCluster({ line: "3.6" });
    await fill(cluster.endpoints[0]!, SEVERAL_MB);
  });
  after(() => cluster.stop());

  test("etcdctl's variables are enough", async () => {
    await using folder = await scratch();
    const env = { ETCDCTL_ENDPOINTS: cluster.endpoints[0]! };
    const saved = await holdfast(["snapshot", "save", folder.file("db")], { env });
    assert.equal(saved.status, 0, saved.stderr);
    const inFront = [`--endpoints=${cluster.endpoints[0]}`, "snapshot", "save", folder.file("db")];
    assert.equal((await holdfast(inFront)).status, 0);
    assert.deepEqual(await left(folder), ["db"]);
  });

  test("- is standard output, and nothing else is on it", async () => {
    await using folder = await scratch();
    await using proxy = await recordingProxy(cluster);
    const saved = await save("-", access(cluster, [proxy.url]));
    assert.equal(saved.status, 0, saved.stderr);
    assert.ok(saved.stdoutBytes.equals(proxy.snapshots[0]!));
    const shown = await runCommand(["snapshot", "save", "-", ...access(cluster)], {
      terminal: true,
    });
    assert.deepEqual([shown.status, shown.stdout], [128, ""]);
    assert.deepEqual(await left(folder), []);
  });

  test("a reader of standard output that goes away ends it", async () => {
    const command = `"$0" snapshot save - ${access(cluster).join(" ")} | head -c 100000 | wc -c`;
    const counted = execFileSync("sh", ["-c", command, "bin/holdfast"], { encoding: "utf8" });
    assert.equal(counted.trim(), "100000");
  });

  test("two saves to one file do not harm each other", async () => {
    await using folder = await scratch();
    const both = await Promise.all([
      save(folder.file("db"), access(cluster)),
      save(folder.file("db"), access(cluster)),
    ]);
    assert.deepEqual(
      both.map(({ status }) => status),
      [0, 0],
    );
    await revisionOf(folder.file("db"));
    assert.deepEqual(await left(folder), ["db"]);
  });

  test("what cannot be reached or does not fit is told with etcdctl's exit statuses", async () => {
    await using folder = await scratch();
    const file = folder.file("db");
    const good = access(cluster);
    await using other = await startCluster({ line: "3.5" });
    const cases = [
      [["--endpoints=127.0.0.1:1"], 5, /nothing listens there/],
      [["--endpoints=127.0.0.1:1,127.0.0.1:2"], 5, /none of 2 endpoints/],
      [["--endpoints="], 128, /cannot use the endpoint ""/],
      [[...good, "--cacert=missing"], 128, /cannot read the CA certificate "missing"/],
      [[...good, "--cert=missing"], 128, /--key is missing/],
      [[...good, "--write-out=yaml"], 4, /unsupported output format/],
      [[...good, "--no-such-flag"], 1, /unknown option/],
      [[...good, ...access(other).map((flag) => `${flag}`)], 128, /different clusters/],
    ] as const;
    for (const [flags, status, words] of cases) {
      const failed = await save(file, flags);
      assert.equal(failed.status, status, `${flags.join(" ")}: ${failed.stderr}`);
      assert.match(failed.stderr, words);
      assert.equal(failed.stdout, "");
    }
    const nothing = await holdfast(["snapshot", "save"]);
    assert.equal(nothing.status, 128);
    assert.deepEqual(await left(folder), []);
  });
});

test("certificates that do not do are told with exit status 5", async () => {
  await using cluster = await startCluster({ line: "3.7", tls: true });
  await using folder = await scratch();
  const { caFile, certFile, keyFile } = certificate(cluster.certificates!, "client-expired");
  const flags = [...access({ ...cluster, tls: undefined! }), `--cacert=${caFile}`];
  const expired = await save(folder.file("db"), [
    ...flags,
    `--cert=${certFile}`,
    `--key=${keyFile}`,
  ]);
  assert.equal(expired.status, 5, expired.stderr);
  assert.match(expired.stderr, /expired on 2021-01-01/);
  const none = await save(folder.file("db"), flags);
  assert.equal(none.status, 5, none.stderr);
  assert.match(none.stderr, /wants a client certificate/);
  assert.deepEqual(await left(folder), []);
});
