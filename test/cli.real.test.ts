/** The program as a process: what it loads, how it ends, and what is left of it then. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { symlink } from "node:fs/promises";
import { constants } from "node:os";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { BIN, holdfast, startHoldfast } from "./support/holdfast.ts";
import { run } from "./support/program.ts";
import { scratch } from "./support/scratch.ts";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));

/** Prints the URL of every module that gets loaded, on standard error. */
const TELL_LOADED = `data:text/javascript,
import { registerHooks } from "node:module";
registerHooks({ load(url, context, next) { process._rawDebug(url); return next(url, context); } });`;

test("the help loads no command, and nothing that only a command needs", async () => {
  const args = ["--import", TELL_LOADED, MAIN, "--help"];
  const { stdout, stderr, status } = await run(process.execPath, args);
  assert.equal(status, 0);
  assert.match(stdout, /^Usage: holdfast/);
  const loaded = stderr.split("\n").filter((url) => url.startsWith("file:"));
  assert.ok(loaded.some((url) => url.endsWith("/src/cli/run.ts")));
  const heavy = loaded.filter((url) =>
    /\/src\/(inspect|etcd|backup|restore|format|policy)\/|grpc|protobuf|yaml|crc32/.test(url),
  );
  assert.deepEqual(heavy, []);
});

test("results go to standard output, errors to standard error, and the status is the process's", async () => {
  const good = await holdfast(["version"]);
  assert.deepEqual([good.status, good.stderr], [0, ""]);
  const bad = await holdfast(["snapshot", "status"]);
  assert.deepEqual([bad.status, bad.stdout], [128, ""]);
  assert.match(bad.stderr, /^Error: missing required argument 'file'\n/);
});

test("it runs through a symlink, from another folder, and by its bare name", async () => {
  await using folder = await scratch();
  await symlink(BIN, folder.file("holdfast"));
  const { stdout } = await holdfast(["--version"]);
  for (const command of [folder.file("holdfast"), "./holdfast"])
    assert.equal((await run(command, ["--version"], { cwd: folder.path })).stdout, stdout);
  const env = { ...process.env, PATH: `${folder.path}:${process.env["PATH"]}` };
  assert.equal((await run("holdfast", ["--version"], { cwd: "/", env })).stdout, stdout);
});

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  test(`${signal} while a pipe says nothing ends it with 128 and the signal's number`, async () => {
    await using folder = await scratch();
    const pipe = folder.file("pipe");
    execFileSync("mkfifo", [pipe]);
    const waiting = startHoldfast(["inspect", pipe]);
    // The writer can open the pipe once there is a reader.
    const silent = spawn("sh", ["-c", 'exec 3>"$1"; echo open; read line', "sh", pipe]);
    await once(silent.stdout, "data");
    waiting.kill(signal);
    const { status, stdout, stderr } = await waiting.finished;
    silent.stdin.end("\n");
    assert.deepEqual([status, stdout], [128 + constants.signals[signal], ""]);
    assert.equal(stderr, `Error: interrupted by ${signal}\n`);
  });
}

test("a reader that goes away is no error: no message, and status 141", async () => {
  const { stdout, stderr } = await run("bash", [
    "-c",
    'set -o pipefail; "$1" completion zsh | true; echo "$?"',
    "bash",
    BIN,
  ]);
  assert.deepEqual([stdout, stderr], ["141\n", ""]);
});

test("nobody reading standard error changes nothing", async () => {
  const { stdout } = await run("bash", [
    "-c",
    '{ "$1" snapshot status /nowhere 2>&3; echo "$?"; } 3> >(true)',
    "bash",
    BIN,
  ]);
  assert.equal(stdout, "1\n");
});

test("a full disk under standard output is an error, for a help too", async (t) => {
  if (process.platform !== "linux") return t.skip("needs /dev/full");
  for (const line of ["version", "--version", "--help", "help snapshot", "snapshot save --help"]) {
    const script = `"$1" ${line} >/dev/full; echo "$?"`;
    const { stdout, stderr } = await run("sh", ["-c", script, "sh", BIN]);
    assert.equal(stdout, "1\n", line);
    assert.match(stderr, /^Error: cannot write "standard output": no space left on device\n$/);
  }
});
