import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { killAtExit } from "../../test/support/program.ts";
import { fileHolder } from "./file-holder.ts";

const NEEDS_PROC = { skip: process.platform === "linux" ? false : "needs /proc" };

test("a device is open in many processes, and held by none", NEEDS_PROC, async () => {
  const holder = spawn("sleep", ["600"], { stdio: "ignore" });
  killAtExit(holder);
  try {
    assert.deepEqual(await fileHolder("/dev/null"), { state: "unknown" });
  } finally {
    holder.kill("SIGKILL");
  }
});
