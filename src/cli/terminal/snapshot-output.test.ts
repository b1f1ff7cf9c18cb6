import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";
import { snapshotOutput } from "./snapshot-output.ts";

test("a terminal gets no snapshot", () => {
  const stdout = Object.assign(new Writable(), { isTTY: true });
  assert.throws(() => snapshotOutput({ stdout }), { code: "usage", hint: /a file, or a pipe/ });
});

test("a write resolves when its bytes have left, and fails as its reader does", async () => {
  const left: ((error?: Error) => void)[] = [];
  const stdout = new Writable({ write: (_bytes, _encoding, done) => void left.push(done) });
  stdout.on("error", () => {});
  const output = snapshotOutput({ stdout });
  let written = 0;
  const first = output.write(new Uint8Array(3), 0).then(() => written++);
  await new Promise(setImmediate);
  assert.equal(written, 0);
  left.shift()!();
  await first;
  assert.equal(written, 1);
  const second = output.write(new Uint8Array(3), 3);
  left.shift()!(new Error("gone"));
  await assert.rejects(second, /gone/);
});
