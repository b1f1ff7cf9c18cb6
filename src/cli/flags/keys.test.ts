import assert from "node:assert/strict";
import { chmod } from "node:fs/promises";
import { test } from "node:test";
import { runCommand } from "../../../test/support/cli.ts";
import { keyFiles } from "../../../test/support/key-files.ts";
import {
  addRealBackup,
  ALICE,
  CLUSTER,
  scratchRepository,
} from "../../../test/support/repository.ts";

test("a secret that others can read is told, with what to type; what is public is not", async () => {
  await using repository = await scratchRepository();
  await using keys = await keyFiles(ALICE);
  await addRealBackup(repository, { recipients: keys.recipients });
  const secrets = [keys.identity, keys.signingKey];
  const verify = async (): Promise<string[]> => {
    const argv = ["verify", "--read-data", "--repo", repository.path, "--cluster", CLUSTER];
    const signers = ["--allowed-signers", keys.allowedSigners];
    const flags = ["--identity", keys.identity, "--signing-key", keys.signingKey];
    const { status, stderr } = await runCommand([...argv, ...signers, ...flags]);
    assert.equal(status, 0, stderr);
    return stderr.split("\n").filter((line) => line !== "");
  };
  await chmod(keys.allowedSigners, 0o666);
  assert.deepEqual(await verify(), []);
  for (const mode of [0o644, 0o640, 0o602]) {
    for (const path of secrets) await chmod(path, mode);
    assert.deepEqual(
      (await verify()).toSorted(),
      secrets.map(
        (path) =>
          `Warning: "${path}" can be used by others than its owner (mode 0${mode.toString(8)}): chmod 600 ${path}`,
      ),
    );
  }
});

test("a file of keys that cannot be read is named, with the system's words", async () => {
  const keys = ["--recipients-file=/nowhere/keys", "--signing-key=/nowhere/keys"];
  const { status, stderr } = await runCommand(["import", "x", "--repo=/nowhere", ...keys]);
  assert.equal(status, 128);
  assert.match(stderr, /^Error: cannot use "\/nowhere\/keys": no such file or directory$/m);
});
