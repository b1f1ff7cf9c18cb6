/** `scripts/setup` with the real npm, on projects without dependencies: nothing is fetched. */
import assert from "node:assert/strict";
import { cp, mkdir, readdir, symlink, utimes, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "./support/program.ts";
import { scratch, type Scratch } from "./support/scratch.ts";

const SETUP = fileURLToPath(new URL("../scripts/setup", import.meta.url));

/** A project of this name whose lock was written later than its packages were installed, where they were. */
async function project(folder: Scratch, name: string): Promise<void> {
  await mkdir(folder.file(name, "scripts"), { recursive: true });
  await cp(SETUP, folder.file(name, "scripts", "setup"));
  const about = { name, version: "1.0.0" };
  await writeFile(folder.file(name, "package.json"), JSON.stringify(about));
  const lock = { ...about, lockfileVersion: 3, requires: true, packages: { "": about } };
  await writeFile(folder.file(name, "package-lock.json"), JSON.stringify(lock));
}

async function install(folder: Scratch, name: string, time: string): Promise<void> {
  const packages = folder.file(name, "node_modules");
  await mkdir(packages, { recursive: true });
  await writeFile(`${packages}/kept`, "");
  await writeFile(`${packages}/.package-lock.json`, "{}");
  await utimes(`${packages}/.package-lock.json`, new Date(time), new Date(time));
}

test("stale packages are installed anew", async () => {
  await using folder = await scratch();
  await project(folder, "owner");
  await install(folder, "owner", "2020-01-01");
  const { status, stderr } = await run(folder.file("owner", "scripts", "setup"), ["packages"]);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /npm ci/);
  assert.ok(!(await readdir(folder.file("owner", "node_modules"))).includes("kept"));
});

test("npm never empties a node_modules that is a link to another's", async () => {
  await using folder = await scratch();
  await project(folder, "owner");
  await project(folder, "worktree");
  await install(folder, "owner", "2020-01-01");
  await symlink(folder.file("owner", "node_modules"), folder.file("worktree", "node_modules"));
  const { status, stderr } = await run(folder.file("worktree", "scripts", "setup"), ["packages"]);
  assert.equal(status, 1, stderr);
  assert.match(stderr, /node_modules is a link .* remove the link, and run this again\n$/);
  assert.ok((await readdir(folder.file("owner", "node_modules"))).includes("kept"));
});

test("through a link the packages are current when its owner's are, and both locks say the same", async () => {
  await using folder = await scratch();
  await project(folder, "owner");
  await install(folder, "owner", "2020-01-01");
  await utimes(folder.file("owner", "package-lock.json"), new Date("2019"), new Date("2019"));
  await mkdir(folder.file("worktree", "scripts"), { recursive: true });
  await cp(SETUP, folder.file("worktree", "scripts", "setup"));
  await cp(folder.file("owner", "package-lock.json"), folder.file("worktree", "package-lock.json"));
  await symlink(folder.file("owner", "node_modules"), folder.file("worktree", "node_modules"));
  const { status, stderr } = await run(folder.file("worktree", "scripts", "setup"), ["packages"]);
  assert.deepEqual([status, stderr], [0, ""]);
});
