import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { HoldfastError } from "../errors.ts";
import { textBytes } from "../format/bytes.ts";
import { createDurableFile, createFile } from "./durable-file.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "holdfast-durable-"));
});
afterEach(() => rm(root, { recursive: true }));

test("a durable file has its name only from commit on, with mode 0600", async () => {
  const target = join(root, "snapshot.db");
  await using file = await createDurableFile(target);
  await file.write(textBytes("fast"), 4);
  await file.write(textBytes("hold"), 0);
  assert.deepEqual(await readdir(root), [file.path.slice(root.length + 1)]);
  await file.commit();
  assert.deepEqual(await readdir(root), ["snapshot.db"]);
  assert.equal(await readFile(target, "utf8"), "holdfast");
  assert.equal((await stat(target)).mode & 0o777, 0o600);
});

test("a durable file that is not committed leaves nothing, and what was there stays", async () => {
  const target = join(root, "snapshot.db");
  await writeFile(target, "old");
  {
    await using file = await createDurableFile(target);
    await file.write(textBytes("new"), 0);
  }
  assert.deepEqual(await readdir(root), ["snapshot.db"]);
  assert.equal(await readFile(target, "utf8"), "old");
});

test("two durable files for one target do not meet; the last commit wins whole", async () => {
  const target = join(root, "snapshot.db");
  await using first = await createDurableFile(target);
  await using second = await createDurableFile(target);
  await first.write(textBytes("first, longer"), 0);
  await second.write(textBytes("second"), 0);
  await first.commit();
  await second.commit();
  assert.equal(await readFile(target, "utf8"), "second");
  assert.deepEqual(await readdir(root), ["snapshot.db"]);
});

test("commit() can take another name, and after a failed one nothing is left", async () => {
  {
    await using file = await createDurableFile(join(root, "snapshot.db"));
    await file.commit(join(root, "snapshot.db.damaged"));
  }
  assert.deepEqual(await readdir(root), ["snapshot.db.damaged"]);
  await mkdir(join(root, "occupied"));
  await writeFile(join(root, "occupied", "x"), "");
  {
    await using file = await createDurableFile(join(root, "snapshot.db"));
    await assert.rejects(file.commit(join(root, "occupied")), HoldfastError);
  }
  assert.deepEqual((await readdir(root)).toSorted(), ["occupied", "snapshot.db.damaged"]);
});

test("createDurableFile() refuses a folder and a device, before anything is written", async () => {
  await symlink("/dev/null", join(root, "null"));
  for (const target of [root, join(root, "null")])
    await assert.rejects(createDurableFile(target), /exists and is not a regular file/);
  assert.deepEqual(await readdir(root), ["null"]);
});

test("what can be no file is refused before anything is written, by the name that was given", async () => {
  await writeFile(join(root, "file"), "");
  const places = [
    ["", /cannot write "": it names no file/],
    [join(root, "new/"), /new\/": it names no file/],
    [join(root, "x".repeat(300)), /x": name too long/],
    [join(root, "file", "db"), /file\/db": not a directory/],
    [join(root, "none", "db"), /none\/db": no such file or directory/],
  ] as const;
  for (const [target, sentence] of places)
    await assert.rejects(createDurableFile(target), (error) => {
      assert.ok(error instanceof HoldfastError && error.hint !== undefined);
      assert.match(error.message, sentence);
      return true;
    });
  assert.deepEqual(await readdir(root), ["file"]);
});

test("a very long target name still has room for the temporary one", async () => {
  const target = join(root, "é".repeat(127));
  await using file = await createDurableFile(target);
  await file.commit();
  assert.deepEqual(await readdir(root), ["é".repeat(127)]);
});

test("createFile() reads back, truncates, extends by a hole, and refuses what exists", async () => {
  const path = join(root, "db");
  await using file = await createFile(path);
  await file.write(textBytes("0123456789"), 0);
  await file.truncate(4);
  assert.deepEqual(file.readAt(2, 100), textBytes("23"));
  await file.truncate(64_000_000);
  await file.sync();
  const { size, blocks } = await stat(path);
  assert.equal(size, 64_000_000);
  assert.ok(blocks * 512 < 1_000_000, "the hole takes no space");
  await assert.rejects(createFile(path), /cannot write ".*db": file already exists$/);
});
