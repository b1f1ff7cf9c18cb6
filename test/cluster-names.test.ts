import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { test } from "node:test";
import { runCommand } from "./support/cli.ts";
import { keyFiles } from "./support/key-files.ts";
import {
  addBackup,
  age,
  ALICE,
  allKeys,
  EPOCH,
  HOUR,
  putBytes,
  scratchRepository,
} from "./support/repository.ts";
import { scratch } from "./support/scratch.ts";
import { dataKey } from "../src/repository/layout.ts";

const HINT =
  /Error: there is no backup of the cluster "prd" in \/[^]*Hint: is --cluster right\? The repository has backups of "prod", "test"\n/;

test("a mistyped cluster is no success, and the clusters that are there are named", async () => {
  await using repository = await scratchRepository();
  await using keys = await keyFiles(ALICE);
  await using folder = await scratch();
  const made = await addBackup(repository, { cluster: "prod" });
  await addBackup(repository, { cluster: "test" });
  const signers = ["--allowed-signers", keys.allowedSigners];
  const signing = ["--signing-key", keys.signingKey];
  const identity = ["--identity", keys.identity];
  const elsewhere = folder.file("copy");
  for (const [command, ...more] of [
    ["verify", ...signers],
    ["verify", "latest", ...signers],
    ["rekey", "--all", "--yes", "--seal", "none", ...identity, ...signing, ...signers],
    ["show", "latest"],
    ["restore", "latest", "--data-dir", folder.file("data"), ...identity, ...signers],
    ["cat", "latest", ...identity, ...signers],
    ["pin", "latest", ...signing],
    ["unpin", "latest"],
    ["remove", made.name.id, "--yes", ...signers],
    ["prune", "--keep-last", "1", "--yes", ...signers],
    ["copy", "--to", elsewhere, "--init"],
  ]) {
    const at = ["--repo", repository.path, "--cluster", "prd"];
    const { status, stdout, stderr } = await runCommand([command!, ...more, ...at]);
    assert.deepEqual([command, status, stdout], [command, 54, ""], stderr);
    assert.match(stderr, HINT, command);
  }
  assert.deepEqual(await readdir(folder.path), [], "nothing is made for it");
  const list = await runCommand(["list", "--repo", repository.path, "--cluster", "prd"]);
  assert.deepEqual(
    [list.status, list.stdout, list.stderr],
    [
      0,
      'There is no backup of the cluster "prd".\n',
      'Warning: is --cluster right? The repository has backups of "prod", "test"\n',
    ],
  );
});

test("a new repository is no error but where something was to be proven or replaced", async () => {
  await using repository = await scratchRepository();
  await using keys = await keyFiles(ALICE);
  await using folder = await scratch();
  const at = ["--repo", repository.path, "--allowed-signers", keys.allowedSigners];
  const status = async (...argv: string[]) => (await runCommand([...argv, ...at])).status;
  assert.equal(await status("list"), 0);
  assert.equal(await status("prune", "--keep-last", "1", "--yes"), 0);
  assert.equal(await status("copy", "--to", folder.file("copy"), "--init"), 0);
  const verify = await runCommand(["verify", ...at]);
  assert.equal(verify.status, 54);
  assert.match(verify.stderr, /Hint: the repository holds no backup of any cluster/);
});

test("prune sweeps what a cluster left that never had a backup", async () => {
  await using repository = await scratchRepository();
  await using keys = await keyFiles(ALICE);
  await addBackup(repository, { cluster: "test" });
  const left = (random: string) => dataKey({ cluster: "prod", time: EPOCH, random }, "");
  const [old, recent] = [left("0123456789abcdef"), left("0123456789abcdee")];
  await putBytes(repository, old, "half");
  await putBytes(repository, recent, "half");
  await age(repository, old, 72 * HOUR);
  const flags = ["--keep-last", "1", "--yes", "--allowed-signers", keys.allowedSigners];
  const at = ["--repo", repository.path, "--cluster", "prod"];
  assert.equal((await runCommand(["prune", ...flags, ...at])).status, 0);
  const keysLeft = (await allKeys(repository)).filter((key) => key.startsWith("prod/"));
  assert.deepEqual(keysLeft, [recent]);
});

test("copy takes a cluster from the repository that has it, where another has not heard of it", async () => {
  await using old = await scratchRepository();
  await using behind = await scratchRepository();
  await using target = await scratchRepository();
  await addBackup(old, { cluster: "prod" });
  await addBackup(behind, { cluster: "test" });
  const argv = ["copy", "--repo", behind.path, "--repo", old.path, "--cluster", "prod"];
  const { status, stdout } = await runCommand([...argv, "--to", target.path]);
  assert.deepEqual([status, /1 backup copied/.test(stdout)], [0, true]);
});
