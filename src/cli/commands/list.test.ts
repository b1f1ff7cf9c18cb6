import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { runCommand } from "../../../test/support/cli.ts";
import { keyFiles } from "../../../test/support/key-files.ts";
import {
  addBackup,
  addBackups,
  addRealBackup,
  ALICE,
  CLUSTER,
  MALLORY,
  prove,
  scratchRepository,
} from "../../../test/support/repository.ts";
import { scratch } from "../../../test/support/scratch.ts";
import { manifestKey } from "../../repository/layout.ts";
import { cacheDirectory } from "../inputs/cache-directory.ts";

const at = (path: string) => ["--repo", path, "--cluster", CLUSTER];

test("list prints names, newest first, with what is on record", async () => {
  await using repository = await scratchRepository();
  const [first, second] = await addBackups(repository, 2);
  const third = await addBackup(repository, { revision: 500n, signedBy: null });
  await prove(repository, second!, "contents");
  const { status, stdout, stderr } = await runCommand(["list", ...at(repository.path)]);
  assert.deepEqual([status, stderr], [0, ""]);
  const lines = stdout.split("\n").map((line) => line.split(/\s{2,}/));
  assert.deepEqual(lines, [
    ["ID", "REVISION", "SIZE", "PROVEN", "NOTES"],
    [third.name.id, "500", "50 B", "never", "not signed"],
    [second!.name.id, "101", "50 B", "contents 2026-11-26"],
    [first!.name.id, "100", "50 B", "never"],
    [""],
  ]);
});

test("list says so when there is nothing, and where there is no repository", async () => {
  await using repository = await scratchRepository();
  const empty = await runCommand(["list", ...at(repository.path)]);
  assert.deepEqual(
    [empty.status, empty.stdout],
    [0, 'There is no backup of the cluster "prod".\n'],
  );
  assert.equal((await runCommand(["list", ...at(repository.path), "-o", "json"])).stdout, "[]\n");
  const nowhere = await runCommand(["list", ...at(repository.file("nothing"))]);
  assert.equal(nowhere.status, 33);
  assert.match(nowhere.stderr, /there is no repository[^]*Hint: is the file system mounted\?/);
  const unnamed = await runCommand(["list"]);
  assert.equal(unnamed.status, 128);
  assert.match(unnamed.stderr, /Hint: give --repo URL, or set HOLDFAST_REPO/);
});

test("list -o json is an array of manifests with what is known of each", async () => {
  await using repository = await scratchRepository();
  await using keys = await keyFiles(ALICE);
  const [proven] = await addBackups(repository, 1);
  await prove(repository, proven!, "stored");
  await prove(repository, proven!, "contents", 0, MALLORY);
  const forged = await addBackup(repository, { revision: 700n, signedBy: MALLORY });
  await writeFile(
    repository.file(
      manifestKey({ ...proven!.name, id: proven!.name.id.replace("-r100-", "-r900-") }),
    ),
    "{",
  );
  const env = {
    HOLDFAST_REPO: repository.path,
    HOLDFAST_CLUSTER: CLUSTER,
    HOLDFAST_ALLOWED_SIGNERS: keys.allowedSigners,
  };
  const { status, stdout } = await runCommand(["list", "-o", "json"], { env });
  assert.equal(status, 0);
  const [broken, foreign, good] = JSON.parse(stdout);
  assert.deepEqual(
    [broken.revision, broken.objects, broken.problem.code],
    ["900", [], "document-invalid"],
  );
  assert.deepEqual(
    [foreign.id, foreign.signer, foreign.problem.code],
    [forged.name.id, null, "signer-unknown"],
  );
  assert.deepEqual(good, {
    ...proven!.manifest,
    verified: { depth: "stored", time: "2026-11-26T09:00:00Z", signer: "alice" },
    signer: "alice",
    isPinned: false,
    problem: null,
    stores: [repository.path],
  });
  const unsigned = await runCommand(["list", ...at(repository.path), "-o", "yaml"]);
  assert.match(unsigned.stdout, /depth: contents\n/, "without allowed signers names alone tell");
});

test("list shows backups of several repositories once, and where each is", async () => {
  await using first = await scratchRepository();
  await using second = await scratchRepository();
  await addBackups(first, 2);
  await runCommand(["copy", ...at(first.path), "--to", second.path]);
  await addBackup(second, { revision: 900n });
  const both = ["--repo", first.path, ...at(second.path)];
  const { stdout } = await runCommand(["list", ...both]);
  assert.deepEqual(
    stdout
      .split("\n")
      .slice(1, 4)
      .map((line) => line.slice(-9)),
    ["in 1 of 2", "in 2 of 2", "in 2 of 2"],
  );
  await rm(second.file("holdfast.json"));
  const one = await runCommand(["list", ...both, "-o", "json"]);
  assert.equal(one.status, 33);
  assert.deepEqual(
    JSON.parse(one.stdout).map(({ stores }: { stores: string[] }) => stores),
    [[first.path], [first.path]],
  );
});

test("list notices that the newest was taken away, from where it was seen", async () => {
  await using repository = await scratchRepository();
  const made = await addBackups(repository, 2);
  const env = { HOLDFAST_CACHE_DIR: repository.file("../cache") };
  const list = () => runCommand(["list", ...at(repository.path)], { env });
  assert.equal((await list()).stderr, "");
  await rm(repository.file(manifestKey(made[1]!.name)));
  const { status, stderr } = await list();
  assert.equal(status, 0);
  assert.match(
    stderr,
    /Warning: gone, though seen from here before: 1 backup newer than all that are listed/,
  );
  assert.ok(stderr.includes(made[1]!.name.id));
});

test("the cache lies where caches lie, and makes no home for itself", async () => {
  await using home = await scratch();
  assert.equal(cacheDirectory({ env: { HOME: home.path } }), home.file(".cache/holdfast"));
  assert.equal(cacheDirectory({ env: { HOME: home.file("none") } }), undefined);
  assert.equal(cacheDirectory({ env: { HOME: "/dev/null/x" } }), undefined);
  assert.equal(cacheDirectory({ env: { HOME: "/home/a", XDG_CACHE_HOME: "/c" } }), "/c/holdfast");
  assert.equal(
    cacheDirectory({ env: { HOLDFAST_CACHE_DIR: "/own", XDG_CACHE_HOME: "/c" } }),
    "/own",
  );
  assert.equal(cacheDirectory({ env: {} }), undefined);
});

test("show prints a backup for people and for programs, and fails where its signature does not count", async () => {
  await using repository = await scratchRepository();
  await using keys = await keyFiles(ALICE);
  const made = await addRealBackup(repository, { recipients: keys.recipients });
  const signers = ["--allowed-signers", keys.allowedSigners];
  const { status, stdout } = await runCommand([
    "show",
    "latest",
    ...at(repository.path),
    ...signers,
  ]);
  assert.equal(status, 0);
  for (const line of [
    new RegExp(`^${made.name.id}\\n`),
    / {2}signed by {2,}alice\n/,
    / {2}proven {2,}never\n/,
    /\nCluster\n {2}name {2,}prod\n/,
    / {2}revision {2,}8\n/,
    / {2}HashKV {2,}\d+ \(the member said the same\)\n/,
    / {2}recipient {2,}x25519:[0-9a-f]{16}\n/,
    /\nBy prefix\n {2}PREFIX/,
  ])
    assert.match(stdout, line);
  const json = await runCommand([
    "show",
    made.name.id.slice(0, 30),
    ...at(repository.path),
    "-o",
    "json",
  ]);
  assert.equal(JSON.parse(json.stdout).id, made.name.id);
  const forged = await addBackup(repository, { lineage: 5, signedBy: MALLORY });
  const bad = await runCommand(["show", "latest", ...at(repository.path), ...signers]);
  assert.equal(bad.status, 16);
  assert.match(bad.stdout, new RegExp(`^${forged.name.id}\\n[^]*signed by {2,}does not count`));
  const none = await runCommand(["show", "1999-01-01", ...at(repository.path)]);
  assert.equal(none.status, 54);
});

test("show looks into the next repository for what the first has not", async () => {
  await using first = await scratchRepository();
  await using second = await scratchRepository();
  const made = await addBackup(second);
  const { status, stdout } = await runCommand([
    "show",
    made.name.id,
    "--repo",
    first.path,
    ...at(second.path),
    "-o",
    "json",
  ]);
  assert.equal(status, 0);
  assert.deepEqual(JSON.parse(stdout).stores, [second.path]);
});
