import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { test } from "node:test";
import { ROOT } from "./support/documents.ts";
import { start, type Running } from "./support/program.ts";
import { scratch } from "./support/scratch.ts";

/** Everything that it makes is in `temporary`. */
function startDemo(temporary: string): Running {
  const env = { ...process.env, TMPDIR: temporary };
  return start(process.execPath, ["demo/demo.ts"], { cwd: ROOT, env });
}

test("the demo ends by itself, proves what it says, and leaves nothing", async () => {
  await using temporary = await scratch();
  const { status, stdout, stderr } = await startDemo(temporary.path).finished;
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /the same hash, \d+, at the same revision[^]*as foretold, \d+[^]*\nDone\./);
  assert.deepEqual(await readdir(temporary.path), []);
});

for (const [signal, when] of [
  ["SIGINT", /\n2\. /],
  ["SIGTERM", /\n4\. /],
  ["SIGHUP", /\n9\. /],
] as const) {
  test(`${signal} at step ${when.source.slice(2, 3)} ends the demo and leaves nothing`, async () => {
    await using temporary = await scratch();
    const demo = startDemo(temporary.path);
    await demo.wrote(when);
    demo.kill(signal);
    assert.equal((await demo.finished).signal, signal);
    assert.deepEqual(await readdir(temporary.path), []);
  });
}
