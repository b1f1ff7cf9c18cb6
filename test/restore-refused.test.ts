/** Backups that are damaged, forged or swapped are named, and none of them is restored. */
import assert from "node:assert/strict";
import { copyFile, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { manifestKey, signatureKey } from "../src/repository/layout.ts";
import type { Manifest } from "../src/repository/manifest.ts";
import { random } from "./support/random.ts";
import { backendOf, kubernetesSnapshot, rowsOf, withTrailer } from "./support/small-snapshot.ts";
import { station, type Station } from "./support/station.ts";

/** Imports a snapshot with so many revisions. */
async function add(to: Station, revisions: number, ...flags: string[]): Promise<Manifest> {
  const changes = Array.from({ length: revisions }, (_, i) => [{ key: `k${i}`, value: `${i}` }]);
  const path = to.file(`${revisions}.db`);
  await writeFile(path, withTrailer(backendOf(rowsOf(changes))));
  return to.import(path, ...flags);
}

const paths = ({ repo }: Station, manifest: Manifest) => {
  const key = manifestKey(manifest);
  return {
    manifest: join(repo, key),
    signature: join(repo, signatureKey(key)),
    data: join(repo, manifest.objects[0]!.key),
  };
};

const CLUSTER = ["--name=m1", "--initial-cluster=m1=http://127.0.0.1:2380", "--yes"];

/** Tries, has to fail with this code, and nothing is left where the data dir would be. */
async function refuses(from: Station, code: string, ...flags: string[]): Promise<string> {
  const argv = ["restore", ...from.reading, ...CLUSTER, `--data-dir=${from.file("etcd")}`];
  const { status, stderr } = await from.run([...argv, ...flags, "--log-format=json"]);
  assert.notEqual(status, 0);
  const error = stderr
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
    .find(({ level }) => level === "error");
  assert.equal(error.code, code, stderr);
  assert.deepEqual(
    (await readdir(from.path)).filter((name) => name.includes("etcd")),
    [],
  );
  const verified = await from.run(["verify", "--read-data", ...from.reading]);
  assert.notEqual(verified.status, 0, "verify finds nothing");
  return `${error.message}\n${error.hint}`;
}

async function restores(from: Station, ...flags: string[]): Promise<void> {
  const argv = ["restore", ...from.reading, ...CLUSTER, `--data-dir=${from.file("etcd")}`];
  const { status, stderr } = await from.run([...argv, ...flags]);
  assert.equal(status, 0, stderr);
  await rm(from.file("etcd"), { recursive: true });
}

async function flip(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[at % bytes.length]! ^= 1 << (at % 8);
  await writeFile(path, bytes);
}

test("a flipped bit anywhere in the snapshot, the manifest or the signature", async () => {
  const seed = Number(process.env["SEED"] ?? 20261124);
  const chance = random(seed);
  await using here = await station();
  const good = await add(here, 5);
  const bad = await add(here, 9);
  await restores(here);
  for (const [kind, codes] of [
    // in the header it may look like one that is sealed to somebody else; the error says how to tell
    ["data", ["backup-damaged", "sealed-damaged", "no-identity-matches"]],
    ["manifest", ["document-invalid", "signature-invalid", "format-newer"]],
    ["signature", ["signature-invalid", "signer-unknown"]],
  ] as const) {
    const path = paths(here, bad)[kind];
    const whole = await readFile(path);
    const at = chance.between(0, whole.length * 8);
    await flip(path, at);
    const argv = ["restore", ...here.reading, ...CLUSTER, `--data-dir=${here.file("etcd")}`];
    const { status, stderr } = await here.run([...argv, "--log-format=json"]);
    const error = stderr.match(/"level":"error".*"code":"([a-z-]+)"/)?.[1] ?? "";
    assert.ok(
      status !== 0 && (codes as readonly string[]).includes(error),
      `${kind} ${at} ${seed}: ${stderr}`,
    );
    assert.match(stderr, new RegExp(bad.id));
    await writeFile(path, whole);
  }
  await restores(here, good.id);
});

test("latest names a bad newest one and the one before it, and takes nothing in its place", async () => {
  await using here = await station();
  const good = await add(here, 5);
  const bad = await add(here, 9);
  await rm(paths(here, bad).signature);
  const told = await refuses(here, "signature-missing");
  assert.match(told, new RegExp(`${bad.id} is not used.*\\n.*the one before it is ${good.id}`));
  await restores(here, good.id);
  await restores(here, bad.id, "--skip-signature-check");
});

test("a forged backup with a giant revision, sealed to our recipients", async () => {
  await using here = await station();
  await using mallory = await station();
  const good = await add(here, 5);
  const forging = here.writing.filter((flag) => !flag.startsWith("--signing-key"));
  const path = here.file("forged.db");
  const row = rowsOf([[{ key: "k", value: "evil" }]])[0]!;
  new DataView(row.key.buffer, row.key.byteOffset).setBigUint64(0, (1n << 48n) + 7n);
  await writeFile(path, withTrailer(backendOf([row])));
  const key = `--signing-key=${mallory.key("signing-key")}`;
  const accepted = ["row-revision", "row-version"].map((c) => `--accept-finding=${c}`);
  const forged = await here.run(["import", path, ...forging, key, ...accepted]);
  assert.equal(forged.status, 0, forged.stderr);
  const told = await refuses(here, "signer-unknown");
  assert.match(told, new RegExp(`the one before it is ${good.id}`));
  // the bump is not led astray by it
  const planning = ["restore", good.id, ...here.reading, ...CLUSTER, "--data-dir=x", "--dry-run"];
  const { stdout } = await here.run([...planning, "-o", "json"]);
  assert.equal(JSON.parse(stdout).bump.by, "1000000000");
});

test("one valid snapshot in the place of another", async () => {
  await using here = await station();
  const one = await add(here, 5);
  const two = await add(here, 9);
  await copyFile(paths(here, one).data, paths(here, two).data);
  await refuses(here, "backup-damaged", two.id);
});

test("an old manifest under a new name", async () => {
  await using here = await station();
  const one = await add(here, 5);
  const name = one.id.replace(/-r\d+-/, "-r99-");
  const renamed = paths(here, { ...one, id: name });
  await rename(paths(here, one).manifest, renamed.manifest);
  await rename(paths(here, one).signature, renamed.signature);
  assert.match(await refuses(here, "document-invalid"), /its id is .*, wanted .*-r99-/);
});

test("a backup of another cluster under our name", async () => {
  await using here = await station();
  const other = await add(here, 5, "--cluster=test");
  const from = paths(here, other);
  const ours = await add(here, 3);
  const target = paths(here, { ...other, cluster: "prod" });
  await copyFile(from.manifest, target.manifest);
  await copyFile(from.signature, target.signature);
  await copyFile(from.data, join(here.repo, other.objects[0]!.key.replace("test/", "prod/")));
  await refuses(here, "document-invalid", other.id);
  await restores(here, ours.id);
});

test("a snapshot that is not what its manifest says, though everything is signed", async () => {
  await using here = await station();
  const path = here.file("snapshot.db");
  await writeFile(path, kubernetesSnapshot());
  const made = await here.import(path);
  // whoever has the key can sign anything; the restore compares all the same
  const { encodeManifest } = await import("../src/repository/manifest.ts");
  const { readSigningKey } = await import("../src/seal/signing-key.ts");
  const { signWith } = await import("../src/repository/trust.ts");
  const key = { name: "key", content: await readFile(here.key("signing-key")) };
  const sign = signWith(await readSigningKey(key, () => Promise.reject(new Error())));
  const hashKV = { ...made.hashKV, hash: made.hashKV.hash ^ 1 };
  const bytes = encodeManifest({ ...made, hashKV });
  await writeFile(paths(here, made).manifest, bytes);
  await writeFile(paths(here, made).signature, sign(bytes));
  assert.match(await refuses(here, "backup-damaged"), /its HashKV is/);
});

test("nothing says whom to trust, or what opens it", async () => {
  await using here = await station();
  await add(here, 5);
  const flags = (left: string) => here.reading.filter((flag) => !flag.startsWith(left));
  const argv = ["restore", `--data-dir=${here.file("etcd")}`, ...CLUSTER];
  const untrusted = await here.run([...argv, ...flags("--allowed-signers")]);
  assert.equal(untrusted.status, 128);
  assert.match(untrusted.stderr, /whose backups may be restored\nHint: .*--allowed-signers/);
  const closed = await here.run([...argv, ...flags("--identity")]);
  assert.equal(closed.status, 128);
  assert.match(closed.stderr, /is sealed, and there is no identity/);
});
