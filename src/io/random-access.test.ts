import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { scratch } from "../../test/support/scratch.ts";
import { openRandomAccess } from "./random-access.ts";

test("openRandomAccess() reads at any place, and less at the end", async () => {
  await using folder = await scratch();
  await writeFile(folder.file("digits"), "0123456789");
  using file = openRandomAccess(folder.file("digits"));
  const text = (offset: number, length: number) =>
    Buffer.from(file.readAt(offset, length)).toString();
  assert.equal(file.size, 10);
  assert.equal(text(3, 4), "3456");
  assert.equal(text(0, 2), "01");
  assert.equal(text(8, 4), "89");
  assert.equal(text(10, 1), "");
});

test("a closed file is not read, whoever has its number now", async () => {
  await using folder = await scratch();
  await writeFile(folder.file("one"), "one");
  await writeFile(folder.file("two"), "two");
  const one = openRandomAccess(folder.file("one"));
  one[Symbol.dispose]();
  using two = openRandomAccess(folder.file("two"));
  assert.throws(() => one.readAt(0, 3), { code: "failed", message: /one": it is closed$/ });
  one[Symbol.dispose]();
  assert.equal(Buffer.from(two.readAt(0, 3)).toString(), "two");
});
