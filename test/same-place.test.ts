/** One repository under two URLs, and two that only look like one. */
import assert from "node:assert/strict";
import { cp, symlink, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { runCommand } from "./support/cli.ts";
import { keyFiles } from "./support/key-files.ts";
import { addBackup, ALICE, allKeys, openFolder, scratchRepository } from "./support/repository.ts";
import { kubernetesSnapshot } from "./support/small-snapshot.ts";

async function world() {
  const repository = await scratchRepository();
  const keys = await keyFiles(ALICE);
  const snapshot = keys.file("a.db");
  await writeFile(snapshot, kubernetesSnapshot());
  const importInto = (...more: string[]) =>
    runCommand(["import", snapshot, "--seal", "none", "--signing-key", keys.signingKey, ...more]);
  return {
    repository,
    keys,
    importInto,
    async [Symbol.asyncDispose]() {
      await repository[Symbol.asyncDispose]();
      await keys[Symbol.asyncDispose]();
    },
  };
}

test("a repository by a link to it is one place: nothing is written, or it does not count", async () => {
  await using at = await world();
  const { repository, importInto } = at;
  const linked = at.keys.file("link");
  await symlink(repository.path, linked);
  const both = ["--repo", repository.path, "--repo", linked];
  const refused = await importInto(...both);
  assert.equal(refused.status, 128);
  assert.match(refused.stderr, /link" and ".*repository" are one place/);
  assert.match(refused.stderr, /Hint: give every repository once/);
  assert.deepEqual(await allKeys(repository), []);
  const one = await importInto(...both, "--required", "1");
  assert.equal(one.status, 0);
  assert.match(one.stderr, /Warning: .*link is left out: .* are one place/);
  assert.equal((await allKeys(repository)).filter((key) => key.endsWith(".json")).length, 1);
  const copy = await runCommand(["copy", "--repo", repository.path, "--to", linked]);
  assert.equal(copy.status, 128);
  assert.match(copy.stderr, /are one place/);
});

test("a mirror that other tools made has the same id, and is another place", async () => {
  await using at = await world();
  await addBackup(at.repository, { cluster: "default" });
  const mirror = at.keys.file("mirror");
  await cp(at.repository.path, mirror, { recursive: true });
  await addBackup(at.repository, { cluster: "default", revision: 8n });
  const copy = await runCommand(["copy", "--repo", at.repository.path, "--to", mirror]);
  assert.deepEqual([copy.status, /1 backup copied/.test(copy.stdout)], [0, true], copy.stderr);
  const { status, stderr } = await at.importInto("--repo", at.repository.path, "--repo", mirror);
  assert.equal(status, 0, stderr);
  await using other = await openFolder(mirror);
  assert.deepEqual(await allKeys(other), await allKeys(at.repository));
});
