import assert from "node:assert/strict";
import { stat, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { scratch } from "../../test/support/scratch.ts";
import { ensureDirectory } from "./published-file.ts";

test("ensureDirectory() makes what is missing, 0700, and names the outermost that was", async () => {
  await using root = await scratch();
  const path = root.file("a", "b", "c");
  assert.equal(await ensureDirectory(path), root.file("a"));
  assert.equal((await stat(path)).mode & 0o777, 0o700);
  assert.equal(await ensureDirectory(path), undefined);
  assert.equal(await ensureDirectory(root.file("a", "d")), root.file("a", "d"));
});

test("ensureDirectory() ends where a file is in the way, and where no name can be made", async () => {
  await using root = await scratch();
  await writeFile(root.file("file"), "");
  await assert.rejects(ensureDirectory(root.file("file")), { code: "ENOTDIR" });
  await assert.rejects(ensureDirectory(root.file("file", "a", "b")), { code: "ENOTDIR" });
  await assert.rejects(ensureDirectory("/proc/holdfast/a/b"), { code: "ENOENT" });
});
