import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { open, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { asIs, sound } from "../../test/support/finding-case.ts";
import { codesOf } from "../../test/support/inspected.ts";
import { killAtExit } from "../../test/support/program.ts";
import { scratch } from "../../test/support/scratch.ts";
import { inspectFile } from "./file.ts";

const NEEDS_PROC = { skip: process.platform === "linux" ? false : "needs /proc" };

test("a file that nobody holds is inspected like a stream", async () => {
  await using folder = await scratch();
  const path = folder.file("snapshot.db");
  await writeFile(path, asIs.bytes);
  const { report } = await inspectFile(path);
  assert.deepEqual(report.findings, []);
  assert.equal(report.trailer, "verified");
});

test(
  "a database that another process has open is said to be in use, and by whom",
  NEEDS_PROC,
  async () => {
    await using folder = await scratch();
    const path = folder.file("db");
    await writeFile(path, sound);
    {
      await using file = await open(path, "r");
      const holder = spawn("sleep", ["600"], { stdio: [file.fd, "ignore", "ignore"] });
      killAtExit(holder);
      const { report } = await inspectFile(path);
      assert.deepEqual(codesOf(report), ["warning file-in-use", "warning no-trailer"]);
      assert.equal(report.holder, `sleep (process ${holder.pid})`);
      const gone = new Promise((resolve) => holder.once("exit", resolve));
      holder.kill("SIGKILL");
      await gone;
    }
    const { report } = await inspectFile(path);
    assert.deepEqual(codesOf(report), ["warning no-trailer"]);
    assert.notEqual(report.holder, undefined);
  },
);

test("what cannot be read says why", async () => {
  await using folder = await scratch();
  await assert.rejects(inspectFile(folder.file("none")), { code: "ENOENT" });
  await assert.rejects(inspectFile(folder.path), { code: "EISDIR" });
});
