import assert from "node:assert/strict";
import { test } from "node:test";
import { Command } from "commander";
import type { Limits } from "../../store/limited.ts";
import { addTransferLimits, transferLimits } from "./transfer-limits.ts";

async function limits(...argv: string[]): Promise<Limits> {
  const command = addTransferLimits(new Command("test")).exitOverride();
  command.configureOutput({ writeErr() {} }).parse(argv, { from: "user" });
  return transferLimits(command);
}

test("limits are there when they are asked for", async () => {
  assert.deepEqual(await limits(), {});
  const { upload, download } = await limits("--limit-upload", "1M", "--limit-download=20M");
  assert.ok(upload !== undefined && download !== undefined && upload !== download);
  assert.deepEqual(Object.keys(await limits("--limit-upload=64Ki")), ["upload"]);
  await assert.rejects(limits("--limit-upload=fast"), /Want a number of bytes/);
});
