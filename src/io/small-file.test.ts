import assert from "node:assert/strict";
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
