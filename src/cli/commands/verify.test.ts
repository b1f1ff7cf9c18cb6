import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { runCommand } from "../../../test/support/cli.ts";
import { keyFiles, type KeyFiles } from "../../../test/support/key-files.ts";
import {
  addBackups,
  addRealBackup,
  ALICE,
  allKeys,
  CLUSTER,
  MALLORY,
  scratchRepository,
  type ScratchRepository,
} from "../../../test/support/repository.ts";
import { manifestKey } from "../../repository/layout.ts";

async function verify(repository: ScratchRepository, keys: KeyFiles, ...more: string[]) {
  const argv = ["verify", "--repo", repository.path, "--cluster", CLUSTER, ...more];
  return runCommand([...argv, "--allowed-signers", keys.allowedSigners]);
}

test("verify reads the stored bytes by default, says what is ok, and that nothing is recorded", async () => {
  await using repository = await scratchRepository();
  await using keys = await keyFiles(ALICE);
  const made = await addRealBackup(repository, { recipients: keys.recipients });
  const { status, stdout, stderr } = await verify(repository, keys);
  assert.equal(status, 0);
  assert.match(
    stdout,
    new RegExp(`^ok {2}${made.name.id} {2}stored {2}.*\\nbackups verified: 1, bad: 0\\n$`),
  );
  assert.match(stderr, /^nothing is recorded: there is no --signing-key/);
  const json = JSON.parse((await verify(repository, keys, "-o", "json")).stdout);
  assert.deepEqual(
    [json.length, json[0].id, json[0].isProven, json[0].repository],
    [1, made.name.id, true, repository.path],
  );
});

test("verify --read-data needs the identity, and records with the signing key", async () => {
  await using repository = await scratchRepository();
  await using keys = await keyFiles(ALICE);
  await using others = await keyFiles(MALLORY);
  const made = await addRealBackup(repository, { recipients: keys.recipients });
  const none = await verify(repository, keys, "--read-data");
  assert.equal(none.status, 128);
  assert.match(none.stderr, /Hint: give --identity FILE/);
  const wrong = await verify(repository, keys, "--read-data", "--identity", others.identity);
  assert.equal(wrong.status, 14);
  assert.match(wrong.stdout, /no-identity-matches/);
  const key = ["--identity", keys.identity, "--signing-key", keys.signingKey];
  const { status, stderr } = await verify(repository, keys, "--read-data", ...key);
  assert.deepEqual([status, stderr], [0, ""]);
  assert.equal((await allKeys(repository)).filter((one) => one.includes("/evidence/")).length, 2);
  const list = await runCommand(["list", "--repo", repository.path, "--cluster", CLUSTER]);
  assert.match(list.stdout, new RegExp(`${made.name.id} .* contents \\d{4}-`));
});

test("verify fails with the code of what is wrong, and names it", async () => {
  await using repository = await scratchRepository();
  await using keys = await keyFiles(ALICE);
  const [first, second, third] = await addBackups(repository, 3);
  await writeFile(
    repository.file(second!.manifest.objects[0]!.key),
    Buffer.from(second!.data).fill("x"),
  );
  const { status, stdout, stderr } = await verify(repository, keys);
  assert.equal(status, 55);
  assert.match(
    stdout,
    new RegExp(
      `BAD {2}${second!.name.id}[^]*${second!.name.id}:\\n {2}backup-damaged: the snapshot of .* is damaged: its SHA-256[^]*backups verified: 3, bad: 1`,
    ),
  );
  assert.match(stderr, /a backup is not good: the snapshot of/);
  const listed = await verify(repository, keys, "--list-only");
  assert.deepEqual([listed.status, /listed/.test(listed.stdout)], [0, true]);
  assert.equal((await verify(repository, keys, first!.name.id, third!.name.id)).status, 0);
});

test("verify names a manifest that is another than a later backup saw, and tells gaps when asked", async () => {
  await using repository = await scratchRepository();
  await using keys = await keyFiles(ALICE);
  const [first, second, third] = await addBackups(repository, 3);
  await rm(repository.file(manifestKey(first!.name)));
  const gap = await verify(repository, keys, "--debug");
  assert.equal(gap.status, 0);
  assert.match(
    gap.stderr,
    new RegExp(`what came before ${second!.name.id} is not there any more: ${first!.name.id}`),
  );
  const rewritten = `${Buffer.from(second!.bytes).toString()}\n`;
  await writeFile(repository.file(manifestKey(second!.name)), rewritten);
  await writeFile(
    repository.file(`${manifestKey(second!.name)}.sig`),
    ALICE.sign(Buffer.from(rewritten)),
  );
  const changed = await verify(repository, keys);
  assert.equal(changed.status, 52);
  assert.match(
    changed.stdout,
    new RegExp(
      `${second!.name.id}:\\n {2}document-invalid: the manifest of .* than ${third!.name.id} saw`,
    ),
  );
});

test("verify takes a part of all, and an ID behind --read-stored for an ID", async () => {
  await using repository = await scratchRepository();
  await using keys = await keyFiles(ALICE);
  const made = await addBackups(repository, 6);
  const depths = async (...more: string[]): Promise<Record<string, string>> => {
    const { stdout, stderr, status } = await verify(repository, keys, "-o", "json", ...more);
    assert.equal(status, 0, stderr);
    return Object.fromEntries(
      JSON.parse(stdout).map(({ id, depth }: { id: string; depth: string }) => [id, depth]),
    );
  };
  const read = [];
  for (const part of ["1/3", "2/3", "3/3"]) {
    const all = await depths(`--read-stored=${part}`);
    assert.equal(Object.keys(all).length, 6);
    read.push(...Object.keys(all).filter((id) => all[id] === "stored"));
  }
  assert.deepEqual(
    read.toSorted(),
    made.map(({ name }) => name.id),
  );
  const percent = await depths("--read-stored", "50%");
  assert.equal(Object.values(percent).filter((depth) => depth === "stored").length, 3);
  assert.deepEqual(await depths("--read-stored", made[0]!.name.id), {
    [made[0]!.name.id]: "stored",
  });
  const wrong = await verify(repository, keys, "--read-stored=7/3");
  assert.equal(wrong.status, 128);
  const both = await verify(repository, keys, "--read-data", "--list-only");
  assert.equal(both.status, 128);
});

test("what a hostile manifest says about itself does not reach the terminal as it is", async () => {
  await using repository = await scratchRepository();
  await using keys = await keyFiles(ALICE);
  const made = await addRealBackup(repository, { recipients: keys.recipients });
  await writeFile(repository.file(manifestKey(made.name)), "\u001b[2J{}");
  const { status, stdout } = await verify(repository, keys);
  assert.equal(status, 52);
  assert.match(stdout, /document-invalid: .*\\x1b\[2J/);
  assert.ok(!stdout.includes("\u001b"), stdout);
});
