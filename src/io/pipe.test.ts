import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { scratch } from "../../test/support/scratch.ts";
import { openPipe } from "./pipe.ts";

test("a named pipe is read to its end", async () => {
  await using folder = await scratch();
  const path = folder.file("pipe");
  execFileSync("mkfifo", [path]);
  const writing = writeFile(path, "x".repeat(300_000));
  const pieces = await (await openPipe(path))!.toArray();
  assert.equal(Buffer.concat(pieces).length, 300_000);
  await writing;
});

test("a pipe without a writer is waited for, and can be left", async () => {
  await using folder = await scratch();
  const path = folder.file("pipe");
  execFileSync("mkfifo", [path]);
  const waiting = (await openPipe(path))!;
  const received = waiting.toArray();
  await writeFile(path, "late");
  assert.equal(Buffer.concat(await received).toString(), "late");

  const left = (await openPipe(path))!;
  left.destroy(new Error("enough"));
  await assert.rejects(left.toArray(), /enough/);
});

test("a pipe whose writer says nothing can be left", async () => {
  await using folder = await scratch();
  const path = folder.file("pipe");
  execFileSync("mkfifo", [path]);
  const pipe = (await openPipe(path))!;
  const silent = spawn("sh", ["-c", 'exec 3>"$1"; echo open; read line', "sh", path]);
  await once(silent.stdout, "data");
  pipe.destroy(new Error("enough"));
  await assert.rejects(pipe.toArray(), /enough/);
  silent.stdin.end("\n");
  await once(silent, "close");
});

test("files and folders are no pipes", async () => {
  await using folder = await scratch();
  await writeFile(folder.file("a"), "");
  assert.equal(await openPipe(folder.file("a")), undefined);
  assert.equal(await openPipe(folder.path), undefined);
  await assert.rejects(openPipe(folder.file("b")), { code: "ENOENT" });
});
