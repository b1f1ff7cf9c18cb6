/** `snapshot save` when something breaks half-way: no file, nothing left, the right exit status. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect } from "./support/client.ts";
import { startCluster, type Cluster } from "./support/etcd.ts";
import { fill } from "./support/fill.ts";
import { startHoldfast } from "./support/holdfast.ts";
import { random } from "./support/random.ts";
import { recordingProxy } from "./support/recording-proxy.ts";
import { SEVERAL_MB, access, left, revisionOf, save, until } from "./support/saving.ts";
import { scratch, type Scratch } from "./support/scratch.ts";
import { tamperingProxy } from "./support/tampering-proxy.ts";

describe("a save that breaks", () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await startCluster({ line: "3.6" });
    await fill(cluster.endpoints[0]!, SEVERAL_MB);
  });
  after(() => cluster.stop());

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

  test("a stream that ends well, but without its SHA-256, is no snapshot", async () => {
    await using folder = await scratch();
    await using proxy = await recordingProxy(cluster);
    proxy.breakWith({ withoutLast: true });
    const { status, stdout, stderr } = await save(folder.file("db"), access(cluster, [proxy.url]));
    assert.deepEqual([status, stdout], [10, ""], stderr);
    assert.match(stderr, /Error: the snapshot is damaged: no trailer/);
    assert.deepEqual(await left(folder), []);
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
      const seed = Number(process.env["SEED"] ?? 20261124);
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

  test("places that cannot be written to are named", async () => {
    await using folder = await scratch();
    const missing = await save(folder.file("none", "db"), access(cluster));
    assert.equal(missing.status, 1);
    assert.match(missing.stderr, /none/);
    const directory = await save(folder.path, access(cluster));
    assert.equal(directory.status, 1);
    assert.match(directory.stderr, /not a regular file/);
    const nameless = await save("", access(cluster));
    assert.deepEqual([nameless.status, nameless.stdout], [1, ""]);
    assert.match(nameless.stderr, /^Error: cannot write "": it names no file$/m);
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

    await using other = await scratch();
    const long = await save(other.file("x".repeat(240)), [...flags, "--keep-damaged"]);
    assert.equal(long.status, 10, long.stderr);
    assert.match(long.stderr, /Warning: the damaged snapshot is not kept: .*name too long/);
    assert.match(long.stderr, /Error: the snapshot is damaged: .*SHA-256/);
    assert.deepEqual(await left(other), []);

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
});

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
