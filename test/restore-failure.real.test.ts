/** Restores that end early, on full disks and mount points: everything is there, or nothing is. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chown, mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { runCommand } from "./support/cli.ts";
import { bootCluster, freeURLs, startCluster } from "./support/etcd.ts";
import { BIN, holdfast } from "./support/holdfast.ts";
import { killAtExit } from "./support/program.ts";
import { random } from "./support/random.ts";
import {
  assertLives,
  assertRestored,
  clusterFlags,
  fillWithHistory,
  takeSnapshot,
} from "./support/restored.ts";
import type { TakenSnapshot } from "./support/restored.ts";
import { scratch } from "./support/scratch.ts";
import type { Scratch } from "./support/scratch.ts";

let folder: Scratch;
let snapshot: TakenSnapshot;
before(async () => {
  folder = await scratch();
  await using cluster = await startCluster({ line: "3.6" });
  await fillWithHistory(cluster.endpoints[0]!);
  snapshot = await takeSnapshot(cluster, folder.file("snapshot.db"));
});
after(() => folder[Symbol.asyncDispose]());

/** Mounts a tmpfs for one test, or skips it, visibly, where that is not allowed. */
async function mountTmpfs(t: TestContext, path: string, size: string): Promise<boolean> {
  await mkdir(path, { recursive: true });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", path], {
      stdio: "ignore",
    });
  } catch {
    t.skip("this user may not mount");
    return false;
  }
  t.after(() => execFileSync("umount", ["--lazy", path]));
  return true;
}

/** Starts a restore from standard input, and waits until it has read (and written) some of it. */
async function startFromPipe(dataDir: string, bytes: Uint8Array) {
  const child = spawn(BIN, ["snapshot", "restore", "-", `--data-dir=${dataDir}`], {
    stdio: ["pipe", "ignore", "pipe"],
  });
  killAtExit(child);
  child.stdin.on("error", () => {});
  child.stdin.write(bytes);
  const closed = once(child, "close");
  const stderr = child.stderr.toArray();
  return { child, closed, stderr };
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  test(`${signal} in the middle leaves nothing, not even created parents`, async () => {
    const parent = folder.file(`stopped-by-${signal}`);
    const half = (await readFile(snapshot.file)).subarray(0, 600_000);
    const { child, closed, stderr } = await startFromPipe(join(parent, "a", "data"), half);
    await appearance(join(parent, "a"));
    child.kill(signal);
    const [status] = await closed;
    assert.equal(status, 128 + constants.signals[signal], Buffer.concat(await stderr).toString());
    await assert.rejects(stat(parent), /ENOENT/);
  });
}

/** Waits until something is in a folder. */
async function appearance(path: string): Promise<void> {
  for (;;) {
    const names = await readdir(path).catch(() => []);
    if (names.length > 0) return;
    await sleep(5);
  }
}

test("a signal at any instant leaves all or nothing", async (t) => {
  const seed = Date.now();
  t.diagnostic(`seed ${seed}`);
  const chance = random(seed);
  for (let i = 0; i < 12; i++) {
    const parent = folder.file(`instant-${i}`);
    await mkdir(parent);
    const child = spawn(
      BIN,
      ["snapshot", "restore", snapshot.file, `--data-dir=${join(parent, "data")}`],
      { stdio: "ignore" },
    );
    killAtExit(child);
    const closed = once(child, "close");
    await sleep(chance.between(0, 250));
    child.kill("SIGTERM");
    const [status, signal] = (await closed) as [number | null, NodeJS.Signals | null];
    const left = await readdir(parent, { recursive: true });
    if (left.length === 0) assert.ok(status === 143 || signal === "SIGTERM", `${status} ${signal}`);
    else assert.deepEqual(left.toSorted(), COMPLETE);
  }
});

const COMPLETE = [
  "data",
  "data/member",
  "data/member/snap",
  "data/member/snap/0000000000000001-0000000000000001.snap",
  "data/member/snap/db",
  "data/member/wal",
  "data/member/wal/0000000000000000-0000000000000000.wal",
];

test("a snapshot from standard input restores like a file", async () => {
  const dataDir = folder.file("piped");
  const input = await readFile(snapshot.file);
  const { status, stdout, stderr } = await holdfast(
    ["snapshot", "restore", "-", `--data-dir=${dataDir}`],
    { input },
  );
  assert.equal(status, 0, stderr);
  assert.equal(stdout, "");
  const fromFile = folder.file("from-file");
  await runCommand(["snapshot", "restore", snapshot.file, `--data-dir=${fromFile}`]);
  const db = join("member", "snap", "db");
  assert.ok((await readFile(join(dataDir, db))).equals(await readFile(join(fromFile, db))));
});

test("every kind of damage is refused and leaves nothing", async (t) => {
  const seed = Date.now();
  t.diagnostic(`seed ${seed}`);
  const chance = random(seed);
  const bytes = await readFile(snapshot.file);
  const dataDir = folder.file("damaged", "data");
  for (let i = 0; i < 40; i++) {
    const broken = Buffer.from(bytes);
    broken[chance.between(0, bytes.length - 1)]! ^= 1 << chance.between(0, 7);
    await writeFile(folder.file("broken.db"), broken);
    const { status } = await runCommand([
      "snapshot",
      "restore",
      folder.file("broken.db"),
      `--data-dir=${dataDir}`,
    ]);
    assert.ok(status === 1 || status === 10, `status ${status}`);
    await assert.rejects(stat(folder.file("damaged")), /ENOENT/);
  }
});

test("--accept-finding goes on past that finding alone, and says so", async () => {
  const broken = await readFile(snapshot.file);
  broken[broken.length - 1]! ^= 1;
  await writeFile(folder.file("accepted.db"), broken);
  const restore = (code: string) =>
    runCommand([
      "snapshot",
      "restore",
      folder.file("accepted.db"),
      `--data-dir=${folder.file("accepted")}`,
      `--accept-finding=${code}`,
    ]);
  assert.equal((await restore("truncated")).status, 1);
  const { status, stderr } = await restore("trailer-mismatch");
  assert.equal(status, 0, stderr);
  assert.match(
    stderr,
    /Warning: restored in spite of trailer-mismatch: the SHA-256 trailer does not/,
  );
});

test("ids that the old cluster had are warned of", async () => {
  await using cluster = await startCluster({ line: "3.6" });
  const [member] = cluster.members;
  const { file } = await takeSnapshot(cluster, folder.file("same-ids.db"));
  const args = ["snapshot", "restore", file, ...clusterFlags(member!, [member!])];
  const fresh = await runCommand([...args, `--data-dir=${folder.file("fresh-ids")}`]);
  assert.doesNotMatch(fresh.stderr, /same ids/);
  const token = "--initial-cluster-token=etcd-cluster";
  const same = await runCommand([...args, token, `--data-dir=${folder.file("same-ids")}`]);
  assert.equal(same.status, 0, same.stderr);
  assert.match(same.stderr, /Warning: the old cluster had the same ids \(m1\)/);
});

test("a data dir of another user keeps its owner, and the difference is told", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("only root may give folders away");
  const dataDir = folder.file("foreign");
  await mkdir(dataDir);
  await chown(dataDir, 4711, 4711);
  const args = ["snapshot", "restore", snapshot.file, `--data-dir=${dataDir}`];
  const { status, stderr } = await runCommand(args);
  assert.equal(status, 0, stderr);
  assert.equal((await stat(dataDir)).uid, 4711);
  assert.match(stderr, /Warning: the data dir belongs to user 4711, .*: chown -R 4711 /);
});

test("a full disk is seen before anything is written", async (t) => {
  const disk = folder.file("small-disk");
  if (!(await mountTmpfs(t, disk, "128k"))) return;
  const { status, stderr } = await runCommand([
    "snapshot",
    "restore",
    snapshot.file,
    `--data-dir=${join(disk, "data")}`,
  ]);
  assert.equal(status, 1);
  assert.match(stderr, /Error: not enough space at ".*small-disk": \d+ bytes needed, \d+ free/);
  assert.deepEqual(await readdir(disk), []);
});

test("a disk that fills up on the way leaves nothing", async (t) => {
  const disk = folder.file("filling-disk");
  if (!(await mountTmpfs(t, disk, "128k"))) return;
  const { status, stderr } = await runCommand(
    ["snapshot", "restore", "-", `--data-dir=${join(disk, "data")}`],
    { input: await readFile(snapshot.file) },
  );
  assert.equal(status, 1);
  assert.match(stderr, /Error: cannot write ".*db": no space left on device/);
  assert.deepEqual(await readdir(disk), []);
});

test("a restored mount point boots and stays one", async (t) => {
  const dataDir = folder.file("mounted");
  if (!(await mountTmpfs(t, dataDir, "400m"))) return;
  await mkdir(join(dataDir, "lost+found"));
  const [clientURL, peerURL] = await freeURLs(2);
  const place = { name: "mounted", dataDir, clientURL: clientURL!, peerURL: peerURL! };
  const args = ["snapshot", "restore", snapshot.file, `--data-dir=${dataDir}`];
  const { status, stderr } = await runCommand([...args, ...clusterFlags(place, [place])]);
  assert.equal(status, 0, stderr);
  assert.deepEqual((await readdir(dataDir)).toSorted(), ["lost+found", "member"]);
  await using cluster = await bootCluster({ line: "3.6", members: [place] });
  await assertRestored(cluster, snapshot);
  await assertLives(cluster, snapshot.hash.revision);
  await cluster.stop();
});

test("a WAL dir of its own on another disk boots", async (t) => {
  const disk = folder.file("wal-disk");
  if (!(await mountTmpfs(t, disk, "400m"))) return;
  const [clientURL, peerURL] = await freeURLs(2);
  const dataDir = folder.file("with-wal-dir");
  const place = { name: "apart", dataDir, clientURL: clientURL!, peerURL: peerURL! };
  const walDir = join(disk, "wal");
  const args = ["snapshot", "restore", snapshot.file, `--data-dir=${dataDir}`];
  const own = [`--wal-dir=${walDir}`, ...clusterFlags(place, [place])];
  const { status, stderr } = await runCommand([...args, ...own]);
  assert.equal(status, 0, stderr);
  assert.deepEqual(await readdir(join(dataDir, "member")), ["snap"]);
  const flags = [`--wal-dir=${walDir}`];
  await using cluster = await bootCluster({ line: "3.6", members: [place], flags });
  await assertRestored(cluster, snapshot);
  await assertLives(cluster, snapshot.hash.revision);
  await cluster.stop();
});
