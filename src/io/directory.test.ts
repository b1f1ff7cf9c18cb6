import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { HoldfastError } from "../errors.ts";
import {
  canRename,
  createDirectories,
  exists,
  isMountPoint,
  renameDirectory,
  requireSpace,
  syncDirectory,
} from "./directory.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "holdfast-directory-"));
});
afterEach(() => rm(root, { recursive: true }));

test("folders that cannot be made, renamed or written to are named, with the system's words", async () => {
  await mkdir(join(root, "full"));
  await writeFile(join(root, "full", "x"), "");
  await mkdir(join(root, "other"));
  const file = join(root, "full", "x");
  await assert.rejects(
    createDirectories("/proc/none/x"),
    /^HoldfastError: cannot create the folder "\/proc\/none": no such file or directory$/,
  );
  await assert.rejects(
    renameDirectory(join(root, "other"), join(root, "full")),
    (error) =>
      error instanceof HoldfastError &&
      error.message.endsWith('full": directory not empty') &&
      error.hint !== undefined,
  );
  await assert.rejects(
    requireSpace(join(root, "none"), 1),
    /cannot write to ".*none": no such file or directory$/,
  );
  await assert.rejects(requireSpace(join(file, "x"), 1), /not a directory$/);
});

test("createDirectories() makes what is missing, 0700, and says what it made", async () => {
  await mkdir(join(root, "a"));
  const made = await createDirectories(join(root, "a", "b", "c"));
  assert.deepEqual(made, [join(root, "a", "b"), join(root, "a", "b", "c")]);
  for (const path of made) assert.equal((await stat(path)).mode & 0o777, 0o700);
  assert.deepEqual(await createDirectories(join(root, "a", "b")), []);
  await syncDirectory(join(root, "a"));
});

test("exists() sees a dangling link", async () => {
  await symlink("nowhere", join(root, "link"));
  assert.equal(await exists(join(root, "link")), true);
  assert.equal(await exists(join(root, "nothing")), false);
});

test("isMountPoint() knows the root, /proc and an ordinary folder", async () => {
  assert.equal(await isMountPoint("/"), true);
  assert.equal(await isMountPoint("/proc"), true);
  assert.equal(await isMountPoint(root), false);
});

test("canRename() knows what a mount forbids, and leaves nothing", async () => {
  await mkdir(join(root, "d"));
  assert.equal(await canRename(root, join(root, "d")), true);
  assert.equal(await canRename(root, "/proc"), false);
  assert.equal(await canRename("/proc", root), false);
  assert.equal(await canRename(join(root, "nowhere"), root), false);
  assert.deepEqual(await readdir(root, { recursive: true }), ["d"]);
});

test("requireSpace() says how much is missing", async () => {
  await requireSpace(root, 1);
  await requireSpace("/proc", 1);
  const needed = 2 ** 60;
  await assert.rejects(requireSpace(root, needed), /not enough space at .* bytes needed, \d+ free/);
});
