/** Backups sealed in every way there is: opened again by restore and cat, and sealed to others by rekey. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Manifest } from "../src/repository/manifest.ts";
import { runCommand, runForBytes } from "./support/cli.ts";
import { openGpg } from "./support/gpg.ts";
import { kubernetesSnapshot } from "./support/small-snapshot.ts";
import { station, type Station } from "./support/station.ts";
import { stockOutput } from "./support/stock.ts";

const SNAPSHOT = Buffer.from(kubernetesSnapshot());

/** Flags for writing, without those that say to whom it is sealed. */
const signing = (here: Station): string[] =>
  here.writing.filter((flag) => !flag.startsWith("--recipients"));
const trusting = (here: Station): string[] =>
  here.reading.filter((flag) => !flag.startsWith("--identity"));

async function imported(here: Station, seal: readonly string[], env = {}): Promise<Manifest> {
  const path = here.file("snapshot.db");
  await writeFile(path, SNAPSHOT);
  const argv = ["import", path, ...signing(here), ...seal, "-o", "json"];
  const { status, stdout, stderr } = await runCommand(argv, { env });
  assert.equal(status, 0, stderr);
  return (JSON.parse(stdout) as [Manifest])[0];
}

async function opens(here: Station, flags: readonly string[], env = {}): Promise<boolean> {
  const cat = await runForBytes(["cat", "latest", ...trusting(here), ...flags], { env });
  if (cat.status !== 0) return false;
  assert.deepEqual(cat.stdout, SNAPSHOT);
  const cluster = ["--name=m1", "--initial-cluster=m1=http://127.0.0.1:2380"];
  const argv = ["restore", ...trusting(here), ...flags, ...cluster];
  const restored = await runCommand([...argv, `--data-dir=${here.file("etcd")}`, "--yes"], { env });
  assert.equal(restored.status, 0, restored.stderr);
  return true;
}

test("with a passphrase, which is asked for by its variable", async () => {
  await using here = await station();
  const env = { HOLDFAST_PASSPHRASE: "correct horse" };
  const { sealing, objects } = await imported(here, ["--seal=passphrase"], env);
  assert.deepEqual([sealing.kind, sealing.recipients], ["age", ["passphrase"]]);
  assert.match(objects[0]!.key, /\.db\.zst\.age$/);
  assert.equal(await opens(here, [], env), true);
  assert.equal(await opens(here, [], { HOLDFAST_PASSPHRASE: "wrong" }), false);
  const { stderr } = await here.run(["cat", "latest", ...trusting(here)]);
  assert.match(stderr, /is sealed.*\nHint: set HOLDFAST_PASSPHRASE_FILE/);
});

test("not at all, and that is said aloud", async () => {
  await using here = await station();
  const { sealing, objects } = await imported(here, ["--seal=none"]);
  assert.deepEqual([sealing.kind, sealing.recipients], ["none", []]);
  const stored = join(here.repo, objects[0]!.key);
  assert.deepEqual(await stockOutput("zstd", ["-dc", stored]), SNAPSHOT);
  assert.equal(await opens(here, []), true);
  const again = await here.run([
    "import",
    here.file("snapshot.db"),
    ...signing(here),
    "--seal=none",
  ]);
  assert.match(again.stderr, /--seal none: whoever can read the store/);
});

test("to an SSH key", async () => {
  await using here = await station();
  const key = here.file("id_ed25519");
  await stockOutput("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
  await imported(here, [`--recipients-file=${key}.pub`]);
  assert.equal(await opens(here, [`--identity=${key}`]), true);
  assert.equal(await opens(here, [`--identity=${here.key("identity.txt")}`]), false);
});

test("to an OpenPGP key, whose bytes are compared before they are opened", async () => {
  await using here = await station();
  await using gpg = await openGpg(here.file("gpg"), "");
  const [publicKey, privateKey] = [here.file("public.asc"), here.file("private.asc")];
  await gpg.run(["--quick-gen-key", "etcd@example.com", "future-default", "default", "never"]);
  await writeFile(publicKey, await gpg.run(["--armor", "--export"]));
  await writeFile(privateKey, await gpg.run(["--armor", "--export-secret-keys"]));
  const { sealing, objects } = await imported(here, [`--recipients-file=${publicKey}`]);
  assert.equal(sealing.kind, "openpgp");
  assert.match(objects[0]!.key, /\.db\.zst\.gpg$/);
  assert.equal(await opens(here, [`--identity=${privateKey}`]), true);
});

test("rekey seals to others, asks before it replaces, and needs to know which", async () => {
  await using here = await station();
  const old = await imported(here, [`--recipients-file=${here.key("recipients.txt")}`]);
  const key = here.file("id_ed25519");
  await stockOutput("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
  const to = `--recipients-file=${key}.pub`;
  const flags = [...here.reading, to, `--signing-key=${here.key("signing-key")}`];
  assert.equal((await here.run(["rekey", ...flags])).status, 128);
  assert.equal((await here.run(["rekey", "latest", ...flags])).status, 57);
  assert.equal((await here.list())[0]!.id, old.id);
  const { status, stdout, stderr } = await here.run(["rekey", "latest", ...flags, "--yes"]);
  assert.equal(status, 0, stderr);
  assert.match(stdout, new RegExp(`replaces ${old.id}\\n1 backup sealed anew`));
  assert.match(stderr, /old recipients can still open copies/);
  const [fresh, ...others] = await here.list();
  assert.deepEqual([fresh!.replaces, others], [old.id, []]);
  assert.equal(await opens(here, [`--identity=${key}`]), true);
  assert.equal(await opens(here, [`--identity=${here.key("identity.txt")}`]), false);
});
