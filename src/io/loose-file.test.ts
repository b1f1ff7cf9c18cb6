import assert from "node:assert/strict";
import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { scratch } from "../../test/support/scratch.ts";
import { looseFiles, readLooseFile, removeLooseFile, writeLooseFile } from "./loose-file.ts";

test("a loose file is read as it was written, and only when it has the size that is wanted", async () => {
  await using folder = await scratch();
  const path = folder.file("a", "b", "file");
  assert.equal(readLooseFile(path, 3), undefined);
  assert.equal(await writeLooseFile(path, Uint8Array.of(1, 2, 3)), true);
  assert.deepEqual(readLooseFile(path, 3), Uint8Array.of(1, 2, 3));
  assert.equal(readLooseFile(path, 4), undefined);
  assert.equal(await writeLooseFile(path, Uint8Array.of(4)), true);
  assert.deepEqual(readLooseFile(path, 1), Uint8Array.of(4));
  assert.deepEqual(looseFiles(folder.file("a", "b")), ["file"]);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal((await stat(folder.file("a"))).mode & 0o777, 0o700);
  removeLooseFile(path);
  removeLooseFile(path);
  assert.deepEqual(looseFiles(folder.file("a", "b")), []);
});

test("what cannot be written or read is no error, and leaves nothing", async () => {
  await using folder = await scratch();
  await writeFile(folder.file("file"), "");
  await mkdir(folder.file("folder"));
  assert.equal(await writeLooseFile(folder.file("file", "below"), Uint8Array.of(1)), false);
  assert.equal(await writeLooseFile(folder.file("folder"), Uint8Array.of(1)), false);
  assert.equal(readLooseFile(folder.file("folder"), 4096), undefined);
  assert.deepEqual(looseFiles(folder.file("nothing")), []);
  removeLooseFile(folder.file("folder"));
  assert.deepEqual((await readdir(folder.path)).toSorted(), ["file", "folder"]);
});

test("a file system that refuses every new name does not keep anybody", async () => {
  assert.equal(await writeLooseFile("/proc/holdfast/a/file", Uint8Array.of(1)), false);
});
