import assert from "node:assert/strict";
import { test } from "node:test";
import { runCommand } from "../../../test/support/cli.ts";
import { keyFiles } from "../../../test/support/key-files.ts";
import {
  addBackup,
  addBackups,
  ALICE,
  CLUSTER,
  MALLORY,
  revisions,
  scratchRepository,
} from "../../../test/support/repository.ts";

async function world() {
  const repository = await scratchRepository();
  const keys = await keyFiles(ALICE);
  const made = await addBackups(repository, 4);
  const at = ["--repo", repository.path, "--cluster", CLUSTER];
  const run = (verb: string, ...more: string[]) => runCommand([verb, ...more, ...at]);
  const trusted = (verb: string, ...more: string[]) =>
    run(verb, ...more, "--allowed-signers", keys.allowedSigners);
  return {
    repository,
    keys,
    ids: made.map(({ name }) => name.id),
    run,
    trusted,
    async [Symbol.asyncDispose]() {
      await repository[Symbol.asyncDispose]();
      await keys[Symbol.asyncDispose]();
    },
  };
}

test("prune --dry-run prints a reason for each backup, and changes nothing", async () => {
  await using at = await world();
  const { status, stdout } = await at.trusted("prune", "--keep-last", "2", "--dry-run");
  assert.equal(status, 0);
  const lines = stdout.split("\n");
  assert.equal(lines[0], `${at.repository.path}, cluster prod:`);
  assert.deepEqual(lines.slice(1, 5), [
    `keep    ${at.ids[3]}  newest, last 2`,
    `keep    ${at.ids[2]}  last 2`,
    `remove  ${at.ids[1]}  no rule keeps it`,
    `remove  ${at.ids[0]}  no rule keeps it`,
  ]);
  assert.equal(lines[5], "4 backups, 2 to remove, 0 leftovers to sweep");
  assert.equal((await revisions(at.repository)).length, 4);
});

test("prune takes no limit of zero, which would keep nothing", async () => {
  await using at = await world();
  const { status, stderr } = await at.trusted("prune", "--keep-last", "2", "--limit", "0");
  assert.equal(status, 1);
  assert.match(stderr, /'--limit <n>' argument '0' is invalid. It is no number from 1 on/);
});

test("prune deletes nothing without consent, and what it planned with it", async () => {
  await using at = await world();
  const refused = await at.trusted("prune", "--keep-last", "2");
  assert.equal(refused.status, 57);
  assert.match(refused.stderr, /nobody has agreed to remove 2 backups from[^]*Hint: [^]*--yes/);
  assert.equal((await revisions(at.repository)).length, 4);
  const { status, stdout } = await at.trusted("prune", "--keep-last=2", "--yes", "-o", "json");
  assert.equal(status, 0);
  const [result] = JSON.parse(stdout);
  assert.deepEqual(result.done.removed, at.ids.slice(0, 2));
  assert.deepEqual(
    result.backups.map(({ action }: { action: string }) => action),
    ["keep", "keep", "remove", "remove"],
  );
  assert.deepEqual(await revisions(at.repository), [103, 102]);
  const again = await at.trusted("prune", "--keep-last", "2");
  assert.equal(again.status, 0, "nothing to remove, nothing to ask");
});

test("prune refuses to work without allowed signers, and to remove everything", async () => {
  await using at = await world();
  const blind = await at.run("prune", "--keep-last", "1", "--yes");
  assert.equal(blind.status, 128);
  assert.match(blind.stderr, /nothing is deleted without --allowed-signers/);
  assert.equal((await at.run("prune", "--keep-last", "1", "--dry-run")).status, 0);
  for (const rules of [[], ["--keep-last", "0"]])
    assert.equal((await at.trusted("prune", ...rules, "--yes")).status, 128);
  assert.equal((await revisions(at.repository)).length, 4);
});

test("prune names what does not count and why, and freezes when the newest looks wrong", async () => {
  await using at = await world();
  const forged = await addBackup(at.repository, { lineage: 7, signedBy: MALLORY });
  const small = await addBackup(at.repository, { revision: 600n, inUse: 1024 });
  const { status, stdout, stderr } = await at.trusted("prune", "--keep-last", "1", "--yes");
  assert.equal(status, 0);
  assert.match(
    stdout,
    new RegExp(`ignore {2}${forged.name.id} {2,}the backup .* is no key of an allowed signer`),
  );
  assert.match(
    stderr,
    new RegExp(`Warning: nothing is removed: the newest backup ${small.name.id} holds 1024`),
  );
  assert.equal((await revisions(at.repository)).length, 6);
});

test("flags of prune that are no numbers or stretches of time are refused", async () => {
  for (const [flag, value] of [
    ["--keep-last", "-1"],
    ["--keep-last", "x"],
    ["--keep-within", "soon"],
    ["--limit", "1.5"],
  ] as const)
    assert.equal(
      (await runCommand(["prune", "--repo", "/tmp/x", `${flag}=${value}`])).status,
      1,
      flag,
    );
});

test("a pinned backup survives until it is unpinned", async () => {
  await using at = await world();
  const sign = ["--signing-key", at.keys.signingKey];
  const unsigned = await at.run("pin", at.ids[0]!);
  assert.equal(unsigned.status, 128);
  const pinned = await at.trusted("pin", at.ids[0]!, ...sign);
  assert.deepEqual([pinned.status, pinned.stdout], [0, ""]);
  assert.match(pinned.stderr, new RegExp(`^${at.ids[0]} is pinned`));
  assert.match((await at.trusted("pin", at.ids[0]!, ...sign)).stderr, /was pinned already/);
  assert.match((await at.run("list")).stdout, new RegExp(`${at.ids[0]} .* pinned\\n`));
  await at.trusted("prune", "--keep-last", "1", "--yes");
  assert.deepEqual(await revisions(at.repository), [103, 100]);
  assert.match((await at.trusted("remove", at.ids[0]!, "--yes")).stderr, /is not removed: pinned/);
  assert.match((await at.run("unpin", at.ids[0]!)).stderr, /is not pinned any more/);
  assert.match((await at.run("unpin", at.ids[0]!)).stderr, /was not pinned/);
  await at.trusted("prune", "--keep-last", "1", "--yes");
  assert.deepEqual(await revisions(at.repository), [103]);
});

test("pin takes no backup whose signature does not count", async () => {
  await using at = await world();
  await addBackup(at.repository, { lineage: 7, signedBy: MALLORY });
  const { status } = await at.trusted("pin", "latest", "--signing-key", at.keys.signingKey);
  assert.equal(status, 16);
});

test("remove takes one backup away, with consent, unless it is protected", async () => {
  await using at = await world();
  const protectedOne = await at.trusted("remove", at.ids[3]!, "--yes");
  assert.equal(protectedOne.status, 56);
  assert.match(protectedOne.stderr, /is not removed: newest/);
  assert.equal((await at.trusted("remove", at.ids[1]!)).status, 57);
  assert.match((await at.trusted("remove", at.ids[1]!, "--dry-run")).stderr, /would be removed/);
  assert.equal((await revisions(at.repository)).length, 4);
  const { status, stderr } = await at.trusted("remove", at.ids[1]!, "--yes");
  assert.equal(status, 0);
  assert.match(stderr, new RegExp(`^${at.ids[1]} is removed`));
  assert.deepEqual(await revisions(at.repository), [103, 102, 100]);
  assert.equal((await at.trusted("remove", "latest", "--yes")).status, 54);
});

test("copy fills another repository, making it where that is asked for", async () => {
  await using at = await world();
  await using other = await scratchRepository();
  const to = other.file("../copy");
  const refused = await at.run("copy", "--to", to);
  assert.equal(refused.status, 33);
  assert.match(refused.stderr, /Hint: .*--init/);
  const made = await at.run("copy", "--to", to, "--init");
  assert.equal(made.status, 0);
  assert.match(made.stdout, /^copied {2}[^]*\n4 backups copied\n$/);
  const again = await at.run("copy", "--to", to, "-o", "json");
  assert.deepEqual(JSON.parse(again.stdout), []);
  const list = await runCommand(["list", "--repo", to, "--cluster", CLUSTER, "-o", "json"]);
  assert.equal(JSON.parse(list.stdout).length, 4);
});

test("copy names what it leaves out, and fails for it", async () => {
  await using at = await world();
  await using other = await scratchRepository();
  const forged = await addBackup(at.repository, { lineage: 7, signedBy: MALLORY });
  const { status, stdout, stderr } = await at.trusted("copy", "--to", other.path);
  assert.equal(status, 16);
  assert.match(stdout, new RegExp(`FAILED {2}${forged.name.id}[^]*4 backups copied`));
  assert.match(stderr, /backups not copied: 1, the first: the backup/);
  assert.equal((await revisions(other)).length, 4);
});
