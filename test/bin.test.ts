import assert from "node:assert/strict";
import { cp, mkdir, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { test } from "node:test";
import { BIN, holdfast } from "./support/holdfast.ts";
import { run, start } from "./support/program.ts";
import type { Finished } from "./support/program.ts";
import { scratch } from "./support/scratch.ts";
import type { Scratch } from "./support/scratch.ts";

const MAIN = `
  process.on("SIGTERM", () => process.exit(7));
  process.stdout.write(JSON.stringify({ pid: process.pid, args: process.argv.slice(2), cwd: process.cwd() }));
  if (process.argv[2] === "wait") setInterval(() => {}, 1000);
  else process.exit(Number(process.argv[2]));
`;

/** A clone whose program tells how it was started, then waits for SIGTERM or ends with the status it was given. */
async function clone(): Promise<Scratch & { bin: string }> {
  const folder = await scratch();
  await mkdir(folder.file("clone", "bin"), { recursive: true });
  await mkdir(folder.file("clone", "src"));
  await mkdir(folder.file("clone", "node_modules", "node", "bin"), { recursive: true });
  await mkdir(folder.file("elsewhere"));
  await symlink(process.execPath, folder.file("clone", "node_modules", "node", "bin", "node"));
  await writeFile(folder.file("clone", "src", "main.ts"), MAIN);
  const bin = folder.file("clone", "bin", "holdfast");
  await cp(BIN, bin);
  return { ...folder, bin };
}

function told({ stdout }: Finished): { pid: number; args: string[]; cwd: string } {
  return JSON.parse(stdout);
}

test("bin/holdfast passes its arguments, its directory and the exit status", async () => {
  await using folder = await clone();
  const cwd = await realpath(folder.file("elsewhere"));
  const result = await run(folder.bin, ["3", "a b", "", "--c=*"], { cwd });
  assert.equal(result.status, 3);
  assert.deepEqual(told(result).args, ["3", "a b", "", "--c=*"]);
  assert.equal(told(result).cwd, cwd);
});

test("bin/holdfast runs through symlinks, absolute, relative and chained, and by its bare name", async () => {
  await using folder = await clone();
  const cwd = folder.file("elsewhere");
  await symlink(folder.bin, folder.file("elsewhere", "absolute"));
  await symlink("../clone/bin/holdfast", folder.file("elsewhere", "relative"));
  await symlink("relative", folder.file("elsewhere", "chained"));
  await symlink("clone", folder.file("linked-clone"));
  for (const name of ["absolute", "relative", "chained", "../linked-clone/bin/holdfast"]) {
    const result = await run(folder.file("elsewhere", name), ["0"], { cwd });
    assert.deepEqual(told(result).args, ["0"], name);
  }
  const byPath = await run("relative", ["0"], { env: { PATH: `${cwd}:/usr/bin:/bin` } });
  assert.deepEqual(told(byPath).args, ["0"]);
  const bare = await run("/bin/sh", ["holdfast", "0"], { cwd: dirname(folder.bin) });
  assert.deepEqual(told(bare).args, ["0"]);
});

test("bin/holdfast becomes the one process that signals reach", async () => {
  await using folder = await clone();
  const running = start(folder.bin, ["wait"]);
  await running.wrote(/pid/);
  running.kill("SIGTERM");
  const result = await running.finished;
  assert.equal(result.status, 7);
  assert.equal(told(result).pid, running.pid);
});

test("bin/holdfast says what to do when the packages are missing", async () => {
  await using folder = await clone();
  await rm(folder.file("clone", "node_modules"), { recursive: true });
  const { status, stdout, stderr } = await run(folder.bin, ["version"]);
  assert.equal(status, 1);
  assert.equal(stdout, "");
  const place = await realpath(folder.file("clone"));
  assert.equal(stderr, `holdfast: its packages are not installed: run 'npm ci' in ${place}\n`);
});

test("bin/holdfast refuses a closed standard output, where results would be lost with status 0", async () => {
  await using folder = await clone();
  const shell = async (line: string): Promise<Finished> => run("/bin/sh", ["-c", line, folder.bin]);
  const { status, stderr } = await shell('"$0" 0 >&-');
  assert.equal(status, 1);
  assert.match(stderr, /^holdfast: standard output is closed: [^\n]+\n$/);
  for (const silent of ['"$0" 0 >/dev/null', '"$0" 0 <&-', '"$0" 0 2>&-', '"$0" 0 3>&- 4>&-'])
    assert.equal((await shell(silent)).status, 0, silent);
  assert.equal((await shell('"$0" 0 >&- 2>&-')).status, 1);
});

test("with standard input closed there is no snapshot in it, and with standard error closed the status tells", async () => {
  const shell = async (line: string): Promise<Finished> => run("/bin/sh", ["-c", line, BIN]);
  const { status, stderr } = await shell('"$0" inspect - <&-');
  assert.equal(status, 10, stderr);
  assert.match(stderr, /the snapshot is empty/);
  assert.equal((await shell('"$0" versin 2>&-')).status, 1);
});

test("bin/holdfast of this clone runs on the pinned Node", async () => {
  const { status, stdout } = await holdfast(["version"]);
  assert.equal(status, 0);
  assert.match(stdout, /0\.1\.0/);
});
