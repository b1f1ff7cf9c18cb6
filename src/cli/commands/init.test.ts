import assert from "node:assert/strict";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { runCommand } from "../../../test/support/cli.ts";
import { scratch } from "../../../test/support/scratch.ts";
import { parseIdentities } from "../../seal/identities.ts";
import { parseRecipients } from "../../seal/recipients.ts";

const FILES = [
  "allowed-signers",
  "identity.txt",
  "recipients.txt",
  "recovery-kit.md",
  "signing-key",
  "signing-key.pub",
];

test("init makes repositories and keys, for this user only", async () => {
  await using folder = await scratch();
  const [one, two, out] = [folder.file("one"), folder.file("two"), folder.file("a", "keys")];
  const argv = ["init", "--repo", one, "--repo", two, "--cluster=prod", "--out", out];
  const { status, stdout, stderr } = await runCommand([...argv, "-o", "json"]);
  assert.equal(status, 0, stderr);
  const made = JSON.parse(stdout);
  assert.deepEqual(
    made.repositories.map(({ url }: { url: string }) => url),
    [one, two],
  );
  assert.deepEqual(
    made.files.toSorted(),
    FILES.map((name) => join(out, name)),
  );
  assert.match(stderr, /print recovery-kit\.md, take it and identity\.txt off this machine/);
  assert.equal((await stat(out)).mode & 0o777, 0o700);
  for (const name of FILES) assert.equal((await stat(join(out, name))).mode & 0o777, 0o600, name);
  const file = async (name: string) => ({ name, content: await readFile(join(out, name)) });
  const recipients = await parseRecipients(await file("recipients.txt"));
  assert.ok(recipients.kind === "age");
  const ask = () => Promise.reject(new Error());
  await parseIdentities([await file("identity.txt")], ask);
  assert.match(
    await readFile(join(out, "identity.txt"), "utf8"),
    new RegExp(String(recipients.members[0])),
  );
  const kit = await readFile(join(out, "recovery-kit.md"), "utf8");
  assert.ok(kit.includes(`\`${one}\``) && kit.includes(`\`${two}\``));
});

test("init overwrites nothing, and leaves nothing when it cannot do all", async () => {
  await using folder = await scratch();
  const [repo, out] = [folder.file("repo"), folder.file("keys")];
  await mkdir(out);
  await writeFile(join(out, "signing-key"), "mine");
  const taken = await runCommand(["init", "--repo", repo, "--out", out]);
  assert.equal(taken.status, 62);
  assert.match(taken.stderr, /signing-key" exists, and is not overwritten/);
  assert.deepEqual(await readdir(folder.path), ["keys"]);
  assert.deepEqual(await readdir(out), ["signing-key"]);

  assert.equal((await runCommand(["init", "--repo", repo])).status, 0);
  const fresh = folder.file("fresh");
  const again = await runCommand(["init", "--repo", repo, "--out", fresh]);
  assert.equal(again.status, 50);
  const impossible = join(out, "signing-key", "x");
  const failed = await runCommand(["init", "--repo", impossible, "--out", fresh]);
  assert.notEqual(failed.status, 0);
  assert.deepEqual((await readdir(folder.path)).toSorted(), ["keys", "repo"]);
});

test("a secret in the URL of a repository is refused before it is written anywhere", async () => {
  await using folder = await scratch();
  const url = "s3://key:hunter2@bucket/x";
  const { status, stdout, stderr } = await runCommand([
    "init",
    "--repo",
    url,
    "--out",
    folder.file("keys"),
  ]);
  assert.equal(status, 20);
  assert.doesNotMatch(stdout + stderr, /hunter2/);
  assert.deepEqual(await readdir(folder.path), []);
});
