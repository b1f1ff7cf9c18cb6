import assert from "node:assert/strict";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { startCluster } from "./etcd.ts";
import { fill } from "./fill.ts";
import { part } from "./parts.ts";
import { output, run } from "./program.ts";
import { scratch } from "./scratch.ts";

test("the bbolt part copies a snapshot into every page size and freelist, and checks them", async () => {
  const bbolt = join(await part("bbolt"), "bbolt");
  await using folder = await scratch();
  const snapshot = folder.file("snapshot.db");
  {
    await using cluster = await startCluster({ line: "3.6" });
    await fill(cluster.endpoints[0]!, { keys: 200, seed: 4 });
    await cluster.ctl("snapshot", "save", snapshot);
  }
  const contents = await output(bbolt, ["dump", snapshot]);
  for (const pageSize of [4096, 16384, 65536]) {
    for (const freelist of ["persisted", "none"]) {
      const flags = ["--page-size", String(pageSize), "--freelist", freelist];
      const copy = folder.file(`${pageSize}-${freelist}.db`);
      await output(bbolt, ["rewrite", ...flags, snapshot, copy]);
      await output(bbolt, ["check", copy]);
      assert.equal(await output(bbolt, ["dump", copy]), contents);
      assert.equal((await readFile(copy)).readUInt32LE(24), pageSize);
    }
  }
  const made = folder.file("made.db");
  await output(bbolt, ["make", made], { input: contents });
  assert.equal(await output(bbolt, ["dump", made]), contents);
});

test("the bbolt part's check refuses a damaged page", async () => {
  const bbolt = join(await part("bbolt"), "bbolt");
  await using folder = await scratch();
  const file = folder.file("a.db");
  const lines = Array.from({ length: 500 }, (_, i) => {
    const key = Buffer.from(String(i).padStart(6, "0")).toString("hex");
    return JSON.stringify({ bucket: "6b6579", key, value: key.repeat(4) });
  });
  await output(bbolt, ["make", file], { input: lines.join("\n") });
  await output(bbolt, ["check", file]);
  const handle = await open(file, "r+");
  for (let page = 4; page < 8; page++)
    await handle.write(Buffer.alloc(16, 0xff), 0, 16, page * 4096);
  await handle.close();
  assert.notEqual((await run(bbolt, ["check", file])).status, 0);
});
