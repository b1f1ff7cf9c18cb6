import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { scratch } from "../../test/support/scratch.ts";
import { readSmallFile } from "./small-file.ts";

test("readSmallFile() reads files and pipes whole, and no more than 4 MiB of anything", async () => {
  await using folder = await scratch();
  const path = folder.file("file");
  const most = Buffer.alloc(4 << 20, "0123456789");
  await writeFile(path, most);
  assert.deepEqual(Buffer.from(await readSmallFile(path)), most);
  await writeFile(path, Buffer.concat([most, Buffer.from("x")]));
  await assert.rejects(readSmallFile(path), { name: "RangeError", message: /longer than 4 MiB/ });
  await assert.rejects(readSmallFile("/dev/zero"), RangeError);
  assert.equal((await readSmallFile("/dev/null")).length, 0);
  assert.notEqual((await readSmallFile("/proc/self/status")).length, 0);
});

test("readSmallFile() waits for the writer of a pipe, and no longer than it is told to", async () => {
  await using folder = await scratch();
  const path = folder.file("pipe");
  execFileSync("mkfifo", [path]);
  const reading = readSmallFile(path);
  await writeFile(path, "late");
  assert.equal(Buffer.from(await reading).toString(), "late");

  const reason = new Error("enough");
  const stop = new AbortController();
  const waiting = readSmallFile(path, stop.signal);
  stop.abort(reason);
  await assert.rejects(waiting, reason);
  await assert.rejects(readSmallFile(path, stop.signal), reason);

  const endless = readSmallFile(path);
  await Promise.all([
    assert.rejects(endless, RangeError),
    assert.rejects(writeFile(path, Buffer.alloc(8 << 20)), { code: "EPIPE" }),
  ]);
});
