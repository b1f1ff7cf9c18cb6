/** `snapshot save` against real members: what is written, which member is taken, and what is left when it fails. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile, readdir, stat, writeFile } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { inspectStream } from "../src/inspect/inspect.ts";
import { fileSource } from "../src/io/source.ts";
import { certificate } from "./support/certificates.ts";
import { runCommand } from "./support/cli.ts";
import { connect } from "./support/client.ts";
import { ETCD_LINES, bootCluster, freeURLs, startCluster, type Cluster } from "./support/etcd.ts";
import { fill } from "./support/fill.ts";
import { holdfast, startHoldfast } from "./support/holdfast.ts";
import { random } from "./support/random.ts";
import { recordingProxy, type RecordingProxy } from "./support/recording-proxy.ts";
import { scratch, type Scratch } from "./support/scratch.ts";
import { tamperingProxy } from "./support/tampering-proxy.ts";

/** What a save from this URL needs beside its file. */
function access(cluster: Cluster, urls: readonly string[] = cluster.endpoints): string[] {
  const flags = [`--endpoints=${urls.join(",")}`];
  const { tls, auth } = cluster;
  if (tls) flags.push(`--cacert=${tls.caFile}`, `--cert=${tls.certFile}`, `--key=${tls.keyFile}`);
  if (auth) flags.push(`--user=${auth.user}`);
  return flags;
}

function save(file: string, flags: readonly string[], cluster?: Cluster) {
  const env = cluster?.auth ? { ETCDCTL_PASSWORD: cluster.auth.password } : {};
  return holdfast(["snapshot", "save", file, ...flags], { env });
}

async function left({ path }: Scratch): Promise<string[]> {
  return (await readdir(path)).toSorted();
}

async function revisionOf(file: string): Promise<bigint> {
  await using source = await fileSource(file);
  const { report } = await inspectStream(source, { requireTrailer: true });
  assert.deepEqual(report.findings, []);
  assert.equal(report.trailer, "verified");
  return report.revision;
}

/** Some megabytes, so that a save can be caught half-way. */
const SEVERAL_MB = { keys: 1500, seed: 7, valueBytes: [2000, 4000], parallel: 8 } as const;

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

  test("a stream that is cut leaves nothing, wherever it is cut", async () => {
    await using folder = await scratch();
    await writeFile(folder.file("db"), "an older one");
    await using proxy = await recordingProxy(cluster);
    for (const cutAfter of [1, 40_000, 1_000_000, 4_000_000]) {
      proxy.breakWith({ cutAfter });
      const { status, stdout, stderr } = await save(
        folder.file("db"),
        access(cluster, [proxy.url]),
      );
      assert.deepEqual([status, stdout], [5, ""], stderr);
      assert.match(stderr, /Error: the connection to ".*" broke during Snapshot/);
      assert.equal(await readFile(folder.file("db"), "utf8"), "an older one");
      assert.deepEqual(await left(folder), ["db"]);
    }
  });

  test("a stream that stops moving is given up", async () => {
    await using folder = await scratch();
    await using proxy = await recordingProxy(cluster);
    proxy.breakWith({ stallAfter: 1_000_000 });
    const limit = "--no-progress=1s";
    const stalled = await save(folder.file("db"), [...access(cluster, [proxy.url]), limit]);
    assert.equal(stalled.status, 11, stalled.stderr);
    assert.match(stalled.stderr, /has been silent for 1 s during Snapshot/);
    assert.deepEqual(await left(folder), []);
  });

  test("a slow stream is not: the limit is on what does not move", async () => {
    await using folder = await scratch();
    await using proxy = await recordingProxy(cluster);
    proxy.breakWith({ delayMs: 10 });
    const saved = await save(folder.file("db"), [
      ...access(cluster, [proxy.url]),
      "--no-progress=500ms",
    ]);
    assert.equal(saved.status, 0, saved.stderr);
    const limited = await save(folder.file("db2"), [
      ...access(cluster, [proxy.url]),
      "--command-timeout=900ms",
    ]);
    assert.equal(limited.status, 5, limited.stderr);
    assert.match(limited.stderr, /not finished within the 0.9 s of --command-timeout/);
    assert.deepEqual(await left(folder), ["db"]);
  });

  test("a member that is stopped in the middle is given up", async () => {
    await using folder = await scratch();
    cluster.members[0]!.pause();
    try {
      const stopped = await save(folder.file("db"), [...access(cluster), "--no-progress=1s"]);
      assert.equal(stopped.status, 11, stopped.stderr);
      assert.deepEqual(await left(folder), []);
    } finally {
      cluster.members[0]!.resume();
    }
  });

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    test(`${signal} at any instant leaves nothing, or the whole file`, async () => {
      const seed = 1 + Math.floor(Math.random() * 1e9);
      const chance = random(seed);
      await using proxy = await recordingProxy(cluster);
      proxy.breakWith({ delayMs: 2 });
      for (let round = 0; round < 4; round++) {
        await using folder = await scratch();
        const running = startHoldfast([
          "snapshot",
          "save",
          folder.file("db"),
          ...access(cluster, [proxy.url]),
        ]);
        // Before that the process may not even have asked for the signal.
        await running.wrote(/taking the snapshot/);
        await new Promise((resolve) => setTimeout(resolve, chance.between(0, 500)));
        running.kill(signal);
        const { status, stderr } = await running.finished;
        const where = `seed ${seed}, round ${round}: ${stderr}`;
        if (status === 0) await revisionOf(folder.file("db"));
        else {
          assert.equal(status, 128 + constants.signals[signal], where);
          assert.deepEqual(await left(folder), [], where);
        }
      }
    });
  }

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

  test("places that cannot be written to are named", async () => {
    await using folder = await scratch();
    const missing = await save(folder.file("none", "db"), access(cluster));
    assert.equal(missing.status, 1);
    assert.match(missing.stderr, /none/);
    const directory = await save(folder.path, access(cluster));
    assert.equal(directory.status, 1);
    assert.match(directory.stderr, /not a regular file/);
    assert.deepEqual(await left(folder), []);
  });

  test(
    "a file system that is too small, or fills up, is a clear error",
    { skip: notRoot() },
    async () => {
      await using folder = await scratch();
      await using small = await smallFileSystem(folder, 2);
      const early = await save(join(small.path, "db"), access(cluster));
      assert.equal(early.status, 1, early.stderr);
      assert.match(early.stderr, /Error: not enough space at .*: \d+ bytes needed/);
      assert.deepEqual(await readdir(small.path), []);

      await using large = await smallFileSystem(folder, 12);
      await using proxy = await recordingProxy(cluster);
      proxy.breakWith({ delayMs: 5 });
      const running = startHoldfast([
        "snapshot",
        "save",
        join(large.path, "db"),
        ...access(cluster, [proxy.url]),
      ]);
      await running.wrote(/taking the snapshot/);
      await until(async () => (await readdir(large.path)).length > 0);
      await writeFile(join(large.path, "filler"), new Uint8Array(16 << 20)).catch(() => {});
      const full = await running.finished;
      assert.equal(full.status, 1, full.stderr);
      assert.match(full.stderr, /Error: cannot write .*no space left/i);
      assert.deepEqual(await readdir(large.path), ["filler"]);
    },
  );

  test("a damaged snapshot never gets the name", async () => {
    await using folder = await scratch();
    using client = await connect(cluster.endpoints[0]!);
    // many times, as one that lies across a border passes unseen
    for (let i = 0; i < 50; i++) await client.put(`marker-${i}`, "ORIGINAL-CONTENT");
    await using proxy = await tamperingProxy(
      cluster.endpoints[0]!,
      "ORIGINAL-CONTENT",
      "TAMPERED-CONTENT",
    );
    const flags = access(cluster, [proxy.url]);

    const refused = await save(folder.file("db"), flags);
    assert.deepEqual([refused.status, refused.stdout], [10, ""], refused.stderr);
    assert.match(refused.stderr, /Error: the snapshot is damaged: .*SHA-256/);
    assert.deepEqual(await left(folder), []);

    const piped = await save("-", flags);
    assert.equal(piped.status, 10);
    assert.ok(piped.stdoutBytes.includes("TAMPERED-CONTENT"));

    const kept = await save(folder.file("db"), [...flags, "--keep-damaged"]);
    assert.equal(kept.status, 10);
    assert.deepEqual(await left(folder), ["db.damaged", "db.damaged.findings.json"]);
    assert.ok((await readFile(folder.file("db.damaged"))).includes("TAMPERED-CONTENT"));
    const findings = JSON.parse(await readFile(folder.file("db.damaged.findings.json"), "utf8"));
    assert.ok(findings.some(({ code }: { code: string }) => code === "trailer-mismatch"));

    const accepted = await save(folder.file("db"), [...flags, "--accept-finding=trailer-mismatch"]);
    assert.equal(accepted.status, 0, accepted.stderr);
    assert.match(accepted.stderr, /Warning: .*SHA-256/);

    const elsewhere = await save(
      folder.file("good"),
      access(cluster, [proxy.url, cluster.endpoints[0]!]),
    );
    assert.equal(elsewhere.status, 0, elsewhere.stderr);
    assert.match(elsewhere.stderr, /damaged.*trying another member/);
    await revisionOf(folder.file("good"));
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

describe("of three members", () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await startCluster({ line: "3.6", members: 3 });
    await fill(cluster.endpoints[0]!, SEVERAL_MB);
  });
  after(() => cluster.stop());

  test("a follower is taken and named, and what is dead is left out", async () => {
    await using folder = await scratch();
    const urls = [...cluster.endpoints, "http://127.0.0.1:1"];
    const saved = await save(folder.file("db"), access(cluster, urls));
    assert.equal(saved.status, 0, saved.stderr);
    assert.match(
      saved.stderr,
      /taking the snapshot from "http.*" \(member [0-9a-f]+, a follower, /,
    );
    assert.match(saved.stderr, /Warning: the endpoint "http:\/\/127.0.0.1:1" is left out/);
  });

  test("a member that is silent costs a moment, not the limit", async () => {
    await using folder = await scratch();
    cluster.members[2]!.pause();
    try {
      const saved = await save(folder.file("db"), [...access(cluster), "--dial-timeout=300ms"]);
      assert.equal(saved.status, 0, saved.stderr);
      assert.match(saved.stderr, /left out: no answer 0.3 s after the first one/);
    } finally {
      cluster.members[2]!.resume();
    }
  });

  test("only the leader is given, and killed during the save: it fails and leaves nothing", async () => {
    await using folder = await scratch();
    const leader = await leaderOf(cluster);
    await using proxy = await recordingProxy(cluster, leader);
    proxy.breakWith({ delayMs: 20 });
    const running = startHoldfast([
      "snapshot",
      "save",
      folder.file("db"),
      ...access(cluster, [proxy.url]),
    ]);
    await underWay([proxy]);
    await cluster.members[leader]!.stop("SIGKILL");
    const { status, stderr } = await running.finished;
    await cluster.members[leader]!.start();
    assert.equal(status, 5, stderr);
    assert.match(stderr, /broke during Snapshot/);
    assert.deepEqual(await left(folder), []);
  });

  test("the chosen member is killed during the save: another one takes over", async () => {
    await using folder = await scratch();
    await using stack = new AsyncDisposableStack();
    const proxies = await Promise.all([0, 1, 2].map((i) => recordingProxy(cluster, i)));
    for (const proxy of proxies) stack.use(proxy).breakWith({ delayMs: 20 });
    const urls = proxies.map(({ url }) => url);
    const running = startHoldfast([
      "snapshot",
      "save",
      folder.file("db"),
      ...access(cluster, urls),
    ]);
    const chosen = await underWay(proxies);
    for (const proxy of proxies) proxy.breakWith({});
    await cluster.members[chosen]!.stop("SIGKILL");
    const { status, stderr } = await running.finished;
    await cluster.members[chosen]!.start();
    assert.equal(status, 0, stderr);
    assert.match(stderr, /broke during Snapshot; trying another member/);
    await revisionOf(folder.file("db"));
    assert.deepEqual(await left(folder), ["db"]);
  });

  test("every member falls silent during the save: two are tried, and then it ends", async () => {
    await using folder = await scratch();
    await using stack = new AsyncDisposableStack();
    const proxies = await Promise.all([0, 1, 2].map((i) => recordingProxy(cluster, i)));
    for (const proxy of proxies) stack.use(proxy).breakWith({ stallAfter: 500_000 });
    const urls = proxies.map(({ url }) => url);
    const silent = await save(folder.file("db"), [...access(cluster, urls), "--no-progress=500ms"]);
    assert.equal(silent.status, 11, silent.stderr);
    assert.equal(proxies.filter(({ snapshots }) => snapshots.length > 0).length, 2);
    assert.deepEqual(await left(folder), []);
  });

  test("a cluster that is silent altogether is given up after one limit", async () => {
    await using folder = await scratch();
    for (const member of cluster.members) member.pause();
    try {
      const silent = await save(folder.file("db"), [...access(cluster), "--no-progress=500ms"]);
      assert.equal(silent.status, 11, silent.stderr);
      assert.match(silent.stderr, /none of 3 endpoints/);
    } finally {
      for (const member of cluster.members) member.resume();
    }
  });
});

test("a learner is taken only if there is nothing better", async () => {
  await using cluster = await startCluster({ line: "3.6" });
  await using folder = await scratch();
  const [clientURL, peerURL] = await freeURLs(2);
  const [voter] = cluster.members;
  const added = await cluster.ctl("member", "add", "m2", "--learner", `--peer-urls=${peerURL}`);
  assert.equal(added.status, 0, added.stderr);
  await using learner = await bootCluster({
    line: "3.6",
    members: [
      { name: "m2", dataDir: folder.file("data"), clientURL: clientURL!, peerURL: peerURL! },
    ],
    flags: [
      `--initial-cluster=${voter!.name}=${voter!.peerURL},m2=${peerURL}`,
      "--initial-cluster-state=existing",
    ],
  });
  const both = await save(
    folder.file("db"),
    access(cluster, [...learner.endpoints, ...cluster.endpoints]),
  );
  assert.equal(both.status, 0, both.stderr);
  assert.match(both.stderr, /member [0-9a-f]+, the leader/);
  const alone = await save(folder.file("db"), access(learner));
  assert.equal(alone.status, 0, alone.stderr);
  assert.match(
    alone.stderr,
    /Warning: taking the snapshot from .* a learner.*there is no better one/,
  );
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

/** Waits until a good part of a snapshot has gone through one of the proxies, and tells which. */
async function underWay(proxies: readonly RecordingProxy[]): Promise<number> {
  const busy = (): number =>
    proxies.findIndex(({ snapshots }) => snapshots.some(({ length }) => length > 200_000));
  await until(async () => busy() >= 0);
  return busy();
}

async function leaderOf(cluster: Cluster): Promise<number> {
  for (const [i, url] of cluster.endpoints.entries()) {
    using client = await connect(url, cluster);
    const { leader, memberId } = await client.status();
    if (leader === memberId) return i;
  }
  throw new Error("no member is the leader");
}

function notRoot(): string | false {
  return process.getuid?.() === 0 ? false : "needs root to mount a file system";
}

async function smallFileSystem(folder: Scratch, megabytes: number) {
  const path = folder.file(`fs-${megabytes}`);
  execFileSync("mkdir", [path]);
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", path]);
  return {
    path,
    async [Symbol.asyncDispose]() {
      execFileSync("umount", [path]);
    },
  };
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}
