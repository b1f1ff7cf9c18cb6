import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { askPassword } from "./ask-password.ts";
import { Interruption } from "../context.ts";

/** Somebody at a terminal who types this when asked. */
async function answer(keys: string): Promise<{ password: string; shown: string }> {
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => stdin });
  const stderr = new PassThrough();
  const signal = new AbortController().signal;
  const asked = askPassword("root", { stdin, stderr, signal });
  stdin.write(keys);
  const password = await asked;
  return { password, shown: String(stderr.read()) };
}

test("askPassword() takes a line, and does not show it", async () => {
  assert.deepEqual(await answer("s3cret\r"), { password: "s3cret", shown: "Password: \n" });
  assert.equal((await answer("wrong\b\b\b\b\bright\r")).password, "right");
});

test("askPassword() takes Ctrl-C for an interruption", async () => {
  await assert.rejects(
    answer("s3c\u0003"),
    (error) => error instanceof Interruption && error.exitStatus === 130,
  );
});

test("askPassword() ends when it is told to", async () => {
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  const stop = new AbortController();
  const asked = askPassword("root", { stdin, stderr: new PassThrough(), signal: stop.signal });
  stop.abort(new Error("enough"));
  await assert.rejects(asked, /enough/);
});
