/** Files of keys and passwords may be pipes (`<(pass show etcd)`), and the wait for a silent one ends by a signal. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { open, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { BIN, startHoldfast } from "./support/holdfast.ts";
import { run } from "./support/program.ts";
import { scratch } from "./support/scratch.ts";

const REPO = ["--cluster=c", "--repo"];
const BACKUP = ["backup", "--repo=/nowhere", "--cluster=c"];

/** What reads a file that is a pipe, by the flag or parameter that names it. */
const READERS: readonly (readonly [name: string, args: (pipe: string) => readonly string[]])[] = [
  [
    "--password-file",
    (pipe) => ["snapshot", "save", "x", "--user=root", `--password-file=${pipe}`],
  ],
  ["--cacert", (pipe) => ["snapshot", "save", "x", `--cacert=${pipe}`]],
  ["--cert", (pipe) => ["hashkv", `--cert=${pipe}`, "--key=/nowhere"]],
  ["--recipients-file", (pipe) => [...BACKUP, `--recipients-file=${pipe}`]],
  ["--signing-key", (pipe) => [...BACKUP, "--seal=none", `--signing-key=${pipe}`]],
  ["--allowed-signers", (pipe) => ["list", "--repo=/nowhere", `--allowed-signers=${pipe}`]],
  ["s3 caFile", (pipe) => ["store", "check", `s3://b/p?region=r&caFile=${pipe}`]],
  [
    "s3 sseCustomerKeyFile",
    (pipe) => ["init", ...REPO, `s3://b/p?region=r&sse=customer&sseCustomerKeyFile=${pipe}`],
  ],
  [
    "sftp identityFile",
    (pipe) => ["list", "--repo", `sftp://u@127.0.0.1:1/p?identityFile=${pipe}`],
  ],
  [
    "rsync passwordFile",
    (pipe) => ["list", "--repo", `rsync://u@127.0.0.1:1/p?passwordFile=${pipe}`],
  ],
];

for (const [name, args] of READERS) {
  test(`${name}: a pipe whose writer says nothing is left at once when a signal comes`, async () => {
    await using folder = await scratch();
    const pipe = folder.file("pipe");
    execFileSync("mkfifo", [pipe]);
    const running = startHoldfast(args(pipe), { cwd: folder.path });
    // Opening it for writing waits for the reader.
    await using _silent = await open(pipe, "w");
    running.kill("SIGTERM");
    const { status, stderr } = await running.finished;
    assert.deepEqual([status, stderr.split("\n").at(-2)], [143, "Error: interrupted by SIGTERM"]);
  });
}

test("what a shell makes of <(command) is read as a file, by a writer that is late too", async () => {
  await using folder = await scratch();
  await writeFile(folder.file("good"), "secret\n");
  for (const [command, message] of [
    ["cat good", /nothing listens there/],
    ["sleep 0.2; cat good", /nothing listens there/],
    ["true", /its first line is empty/],
  ] as const) {
    const script = `exec "$0" snapshot save x --endpoints=127.0.0.1:1 --user=root --password-file <(${command})`;
    const { status, stderr } = await run("bash", ["-c", script, BIN], { cwd: folder.path });
    assert.notEqual(status, 0);
    assert.match(stderr, message);
  }
});
