import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test, type TestContext } from "node:test";
import type { HoldfastError } from "../errors.ts";
import { planDataDir } from "./data-dir-plan.ts";
import { stageDataDir, type StagedDataDir } from "./data-dir.ts";

let root: string;
const mounts: string[] = [];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "holdfast-data-dir-"));
});
afterEach(async () => {
  for (const path of mounts.splice(0).toReversed()) execFileSync("umount", [path]);
  await rm(root, { recursive: true });
});

async function fill(staged: StagedDataDir): Promise<void> {
  await writeFile(join(staged.snapDir, "db"), "db");
  await writeFile(join(staged.walDir, "0.wal"), "wal");
}

async function tree(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .toSorted();
}

async function restoreInto(dataDir: string, walDir?: string): Promise<void> {
  await using staged = await stageDataDir(await planDataDir({ dataDir, walDir }));
  await fill(staged);
  await staged.publish();
}

const WHOLE = ["d/member/snap/db", "d/member/wal/0.wal"];

test("a new data dir appears whole, 0700 all the way, in created parents", async () => {
  await restoreInto(join(root, "a", "b", "d"));
  assert.deepEqual(
    await tree(root),
    WHOLE.map((path) => `a/b/${path}`),
  );
  for (const path of ["a", "a/b", "a/b/d", "a/b/d/member", "a/b/d/member/snap", "a/b/d/member/wal"])
    assert.equal((await stat(join(root, path))).mode & 0o777, 0o700, path);
  assert.deepEqual(await readdir(join(root, "a", "b")), ["d"]);
});

test("an empty data dir is filled and stays the same folder, with its own mode", async () => {
  await mkdir(join(root, "d"), { mode: 0o750 });
  const before = await stat(join(root, "d"));
  await restoreInto(join(root, "d"));
  const after = await stat(join(root, "d"));
  assert.deepEqual([after.ino, after.mode], [before.ino, before.mode]);
  assert.deepEqual(await tree(root), WHOLE);
  assert.deepEqual(await readdir(root), ["d"]);
});

test("of two restores into one place the later is refused, leaves nothing, and the first stays whole", async () => {
  const walDir = join(root, "wal");
  const shared: readonly (readonly [name: string, walDir?: string])[] = [
    ["d"],
    ["present"],
    ["other", walDir],
  ];
  await mkdir(join(root, "present"));
  for (const [name, wal] of shared) {
    const dataDir = join(root, name);
    const later = await planDataDir({ dataDir, walDir: wal });
    await restoreInto(dataDir, wal);
    const before = await tree(root);
    {
      await using staged = await stageDataDir(later);
      await fill(staged);
      await assert.rejects(
        staged.publish(),
        (error: HoldfastError) => error.code === "data-dir-occupied" && error.hint !== undefined,
      );
    }
    assert.deepEqual(await tree(root), before, name);
    assert.ok(!(await readdir(root)).some((entry) => entry.includes(".holdfast-")));
  }
});

test("a link to the data dir is followed and stays a link", async () => {
  await mkdir(join(root, "real"));
  await symlink("real", join(root, "d"));
  await restoreInto(join(root, "d"));
  assert.deepEqual(await tree(join(root, "real")), ["member/snap/db", "member/wal/0.wal"]);
  assert.deepEqual((await readdir(root)).toSorted(), ["d", "real"]);
});

test("a WAL dir can be elsewhere, in a missing folder, or inside the data dir", async () => {
  const cases: [walDir: string, present: boolean, files: string[]][] = [
    ["w/x/wal", false, ["d/member/snap/db", "w/x/wal/0.wal"]],
    ["w/x/wal", true, ["d/member/snap/db", "w/x/wal/0.wal"]],
    ["d/wal", false, ["d/member/snap/db", "d/wal/0.wal"]],
    ["d/wal", true, ["d/member/snap/db", "d/wal/0.wal"]],
    ["d/x/wal", true, ["d/member/snap/db", "d/x/wal/0.wal"]],
    ["d/member/log", true, ["d/member/log/0.wal", "d/member/snap/db"]],
  ];
  for (const [index, [walDir, present, files]] of cases.entries()) {
    const base = join(root, String(index));
    if (present) await mkdir(join(base, "d"), { recursive: true });
    await restoreInto(join(base, "d"), join(base, walDir));
    assert.deepEqual(await tree(base), files, walDir);
    assert.ok((await readdir(base)).every((name) => !name.startsWith(".")));
  }
});

test("without publish() nothing is left, not even the parents", async () => {
  await mkdir(join(root, "present"));
  const requests = [
    { dataDir: join(root, "a", "b", "d"), walDir: join(root, "w", "wal") },
    { dataDir: join(root, "present") },
  ];
  for (const request of requests) {
    await using staged = await stageDataDir(await planDataDir(request));
    await fill(staged);
  }
  assert.deepEqual(await readdir(root, { recursive: true }), ["present"]);
});

test("a failed publication takes back what was published, and touches nothing of others", async () => {
  const [dataDir, walDir] = [join(root, "d"), join(root, "w", "wal")];
  {
    await using staged = await stageDataDir(await planDataDir({ dataDir, walDir }));
    await fill(staged);
    await mkdir(dataDir);
    await writeFile(join(dataDir, "theirs"), "kept");
    await assert.rejects(
      staged.publish(),
      /cannot restore into .*: something was put there meanwhile$/,
    );
  }
  assert.deepEqual(await readdir(root, { recursive: true }), ["d", "d/theirs"]);
  assert.equal(await readFile(join(dataDir, "theirs"), "utf8"), "kept");
});

test("planDataDir() refuses what etcdutl refuses, and writes nothing", async () => {
  await mkdir(join(root, "full", "member"), { recursive: true });
  await mkdir(join(root, "found", "lost+found"), { recursive: true });
  await mkdir(join(root, "empty"));
  await writeFile(join(root, "file"), "");
  await symlink("nowhere", join(root, "dangling"));
  const before = await readdir(root, { recursive: true });
  const cases: [dataDir: string, walDir: string | undefined, message: RegExp][] = [
    ["full", undefined, /^data-dir ".*full" not empty or could not be read$/],
    ["found", undefined, /^data-dir ".*found" not empty or could not be read$/],
    ["file", undefined, /^data-dir ".*file" not empty or could not be read$/],
    ["file/d", undefined, /^data-dir ".*d" not empty or could not be read$/],
    ["dangling", undefined, /^data-dir ".*dangling" not empty or could not be read$/],
    ["d", "empty", /^wal-dir ".*empty" exists$/],
    ["d", "dangling", /^wal-dir ".*dangling" exists$/],
    ["d", "d", /overlap$/],
    ["w/d", "w", /overlap$/],
    ["d", "d/member", /overlap$/],
    ["d", "d/member/snap/wal", /overlap$/],
  ];
  for (const [dataDir, walDir, message] of cases) {
    const request = {
      dataDir: join(root, dataDir),
      walDir: walDir === undefined ? undefined : join(root, walDir),
    };
    await assert.rejects(planDataDir(request), (error: HoldfastError) => {
      assert.match(error.message, message);
      assert.equal(error.code, "data-dir-occupied");
      assert.equal(error.exitStatus, 1);
      return true;
    });
  }
  assert.deepEqual(await readdir(root, { recursive: true }), before);
});

test("planDataDir() refuses more bytes than the file system has", async () => {
  const request = { dataDir: join(root, "a", "d"), bytes: 2 ** 50 };
  await assert.rejects(planDataDir(request), (error: HoldfastError) => {
    assert.match(error.message, /^not enough space at ".*": 1125899906842624 bytes needed/);
    return error.code === "no-space";
  });
});

/** Mounts for one test, or skips it, visibly, where that is not allowed. */
function mount(t: TestContext, path: string, ...options: string[]): boolean {
  try {
    execFileSync("mount", [...options, path], { stdio: "ignore" });
  } catch {
    t.skip("this user may not mount");
    return false;
  }
  mounts.push(path);
  return true;
}

test("planDataDir() says what is in the way, and what the system says of it", async () => {
  for (const name of ["lost+found", "member"])
    await mkdir(join(root, "full", name), { recursive: true });
  await writeFile(join(root, "file"), "");
  await assert.rejects(planDataDir({ dataDir: join(root, "full") }), {
    hint: 'it holds "member": choose another --data-dir, or move the old one away',
  });
  await assert.rejects(planDataDir({ dataDir: join(root, "file") }), {
    hint: "not a directory: choose another --data-dir",
  });
});

test("a mount point with its lost+found is filled from inside, and stays one", async (t) => {
  const dataDir = join(root, "d");
  await mkdir(dataDir);
  if (!mount(t, dataDir, "-t", "tmpfs", "-o", "size=1m", "tmpfs")) return;
  await mkdir(join(dataDir, "lost+found"));
  const plan = await planDataDir({ dataDir });
  assert.equal(plan.stageIn, dataDir);
  await restoreInto(dataDir);
  assert.deepEqual(await tree(root), WHOLE);
  assert.deepEqual((await readdir(dataDir)).toSorted(), ["lost+found", "member"]);
});

test("a mount point is empty again after a restore that was given up", async (t) => {
  const dataDir = join(root, "d");
  await mkdir(dataDir);
  if (!mount(t, dataDir, "-t", "tmpfs", "-o", "size=1m", "tmpfs")) return;
  {
    await using staged = await stageDataDir(await planDataDir({ dataDir }));
    await fill(staged);
  }
  assert.deepEqual(await readdir(dataDir), []);
});

test("a folder bound to another place of one file system is a mount point too", async (t) => {
  const dataDir = join(root, "bound here");
  await mkdir(dataDir);
  await mkdir(join(root, "real"));
  if (!mount(t, dataDir, "--bind", join(root, "real"))) return;
  await restoreInto(dataDir);
  assert.deepEqual(await tree(join(root, "real")), ["member/snap/db", "member/wal/0.wal"]);
});

test("a WAL dir on another file system is built there", async (t) => {
  await mkdir(join(root, "w"));
  if (!mount(t, join(root, "w"), "-t", "tmpfs", "-o", "size=1m", "tmpfs")) return;
  await restoreInto(join(root, "d"), join(root, "w", "wal"));
  assert.deepEqual(await tree(root), ["d/member/snap/db", "w/wal/0.wal"]);
});

test("a mount point in a folder that cannot be written is filled from inside", async (t) => {
  const parent = join(root, "p");
  const dataDir = join(parent, "d");
  await mkdir(parent);
  if (!mount(t, parent, "-t", "tmpfs", "-o", "size=1m", "tmpfs")) return;
  await mkdir(dataDir);
  mount(t, dataDir, "-t", "tmpfs", "-o", "size=1m", "tmpfs");
  execFileSync("mount", ["-o", "remount,ro", parent]);
  await restoreInto(dataDir);
  assert.deepEqual(await tree(parent), WHOLE);
});

const ASIDE = "before-20261124T080217Z";

/** A data dir as etcd leaves it, with something in it to know it by. */
async function occupy(dataDir: string, mode = 0o700): Promise<void> {
  await mkdir(join(dataDir, "member", "snap"), { recursive: true });
  await writeFile(join(dataDir, "member", "snap", "db"), "old");
  await chmod(dataDir, mode);
}

async function replace(dataDir: string, walDir?: string): Promise<void> {
  await using staged = await stageDataDir(await planDataDir({ dataDir, walDir, keepAside: ASIDE }));
  await fill(staged);
  await staged.publish();
}

test("what is there is kept beside it, and its mode follows", async () => {
  const dataDir = join(root, "d");
  await occupy(dataDir, 0o750);
  await replace(dataDir);
  assert.deepEqual(await readdir(root), ["d", `d.${ASIDE}`]);
  assert.equal(await readFile(join(root, `d.${ASIDE}`, "member", "snap", "db"), "utf8"), "old");
  assert.equal(await readFile(join(dataDir, "member", "snap", "db"), "utf8"), "db");
  assert.equal((await stat(dataDir)).mode & 0o777, 0o750);
});

test("owner and group of what is there follow", { skip: process.getuid?.() !== 0 }, async () => {
  const dataDir = join(root, "d");
  await occupy(dataDir);
  execFileSync("chown", ["-R", "4711:4712", dataDir]);
  await replace(dataDir);
  for (const path of ["", "member", "member/snap/db", "member/wal/0.wal"]) {
    const { uid, gid } = await stat(join(dataDir, path));
    assert.deepEqual([uid, gid], [4711, 4712], path);
  }
});

test("in a mount point it is kept inside, and once more the next time", async (t) => {
  const dataDir = join(root, "d");
  await mkdir(dataDir);
  if (!mount(t, dataDir, "-t", "tmpfs", "-o", "size=1m", "tmpfs")) return;
  await occupy(dataDir);
  await replace(dataDir);
  assert.deepEqual((await readdir(dataDir)).toSorted(), ["member", `member.${ASIDE}`]);
  await rm(join(dataDir, "member"), { recursive: true });
  await replace(dataDir);
  assert.deepEqual(await tree(join(dataDir, "member")), ["snap/db", "wal/0.wal"]);
});

test("a WAL dir of its own is kept aside as well", async () => {
  const [dataDir, walDir] = [join(root, "d"), join(root, "w")];
  await occupy(dataDir);
  await mkdir(walDir);
  await writeFile(join(walDir, "1.wal"), "old");
  await replace(dataDir, walDir);
  assert.deepEqual(await readdir(walDir), ["0.wal"]);
  assert.deepEqual(await readdir(join(root, `w.${ASIDE}`)), ["1.wal"]);
});

test("what does not look like etcd's is not moved", async () => {
  await mkdir(join(root, "home", "pictures"), { recursive: true });
  await assert.rejects(replace(join(root, "home")), (error: HoldfastError) => {
    return error.code === "data-dir-occupied" && /it holds "pictures"/.test(error.hint ?? "");
  });
});

test("when the last rename fails, what was there is back in its place", async () => {
  const [dataDir, walDir] = [join(root, "d"), join(root, "w")];
  await occupy(dataDir);
  {
    const plan = await planDataDir({ dataDir, walDir, keepAside: ASIDE });
    await using staged = await stageDataDir(plan);
    await fill(staged);
    await occupy(walDir);
    await assert.rejects(staged.publish(), { code: "data-dir-occupied" });
    assert.ok((await readdir(root)).includes(`d.${ASIDE}`), "it had been moved");
  }
  assert.deepEqual(await tree(root), ["d/member/snap/db", "w/member/snap/db"]);
  assert.equal(await readFile(join(dataDir, "member", "snap", "db"), "utf8"), "old");
});

test("what a killed restore left is named, and is not in the way", async () => {
  const dataDir = join(root, "d");
  const killed = await stageDataDir(await planDataDir({ dataDir }));
  await fill(killed);
  const { leftovers } = await planDataDir({ dataDir });
  assert.deepEqual(leftovers, [killed.snapDir.slice(0, -"/member/snap".length)]);
  assert.deepEqual((await planDataDir({ dataDir: join(root, "other") })).leftovers, []);
  await restoreInto(dataDir);
  assert.deepEqual(await tree(dataDir), ["member/snap/db", "member/wal/0.wal"]);
  assert.deepEqual(await tree(killed.snapDir), ["db"]);
});

test("the WAL dir of its own that a killed restore left is named as well", async () => {
  const [dataDir, walDir] = [join(root, "d"), join(root, "disk", "wal")];
  const killed = await stageDataDir(await planDataDir({ dataDir, walDir }));
  await fill(killed);
  const { leftovers } = await planDataDir({ dataDir, walDir });
  assert.deepEqual(leftovers, [killed.snapDir.slice(0, -"/member/snap".length), killed.walDir]);
});

test("in a mount point as well", async (t) => {
  const dataDir = join(root, "d");
  await mkdir(dataDir);
  if (!mount(t, dataDir, "-t", "tmpfs", "-o", "size=1m", "tmpfs")) return;
  const left = join(dataDir, ".d.holdfast-0123abcd");
  await mkdir(left);
  const plan = await planDataDir({ dataDir });
  assert.deepEqual([plan.leftovers, plan.isPresent], [[left], true]);
  await restoreInto(dataDir);
  assert.deepEqual((await readdir(dataDir)).toSorted(), [".d.holdfast-0123abcd", "member"]);
});
