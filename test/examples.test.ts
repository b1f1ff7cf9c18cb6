/** The programs in `examples/`, run as their first lines say, on a snapshot small enough to know by heart. */
import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { HoldfastError, openSnapshot } from "../src/index.ts";
import { ROOT } from "./support/documents.ts";
import { run } from "./support/program.ts";
import type { Finished } from "./support/program.ts";
import { scratch } from "./support/scratch.ts";
import type { Scratch } from "./support/scratch.ts";
import { kubernetesSnapshot } from "./support/small-snapshot.ts";

const SHA256 = "57d696d656a98c1e900dda68943f98f91cb6fd2fd33697f84972f9a55577ab03";
const BYTES = 12320;

let folder: Scratch;
let file: string;
const covered = new Set<string>();

before(async () => {
  folder = await scratch();
  file = folder.file("snapshot.db");
  await writeFile(file, kubernetesSnapshot());
});
after(() => folder[Symbol.asyncDispose]());

function example(name: string, args: readonly string[], input?: Uint8Array): Promise<Finished> {
  covered.add(`${name}.ts`);
  const options = { cwd: ROOT, ...(input !== undefined && { input }) };
  return run(process.execPath, [`examples/${name}.ts`, ...args], options);
}

async function expectLines(name: string, args: readonly string[], ...lines: string[]) {
  const { stdout, stderr, status } = await example(name, args);
  assert.deepEqual(
    { lines: stdout.split("\n"), stderr, status },
    { lines: [...lines, ""], stderr: "", status: 0 },
  );
}

/** The snapshot with one bit of a value turned: nothing but the trailer knows. */
async function damagedFile(): Promise<string> {
  const bytes = kubernetesSnapshot();
  bytes[Buffer.from(bytes).indexOf("Pending")]! ^= 1;
  const path = folder.file("damaged.db");
  await writeFile(path, bytes);
  return path;
}

test("prove.ts", async () => {
  await expectLines(
    "prove",
    [file],
    `trailer verified, ${BYTES} bytes, sha256 ${SHA256}`,
    "revision 8, 4 keys in 8 rows",
  );
  const { stdout, status } = await example("prove", [await damagedFile()]);
  assert.match(stdout, /^error trailer-mismatch at offset 12288: /);
  assert.equal(status, 1);
});

test("prove-stream.ts", async () => {
  const bytes = kubernetesSnapshot();
  const copy = folder.file("copy.db");
  const proven = await example("prove-stream", [copy], bytes);
  assert.equal(proven.stdout, `${BYTES} proven bytes up to revision 8\n`);
  assert.deepEqual(await readFile(copy), Buffer.from(bytes));
  const cut = await example("prove-stream", [folder.file("cut.db")], bytes.subarray(0, 9000));
  assert.equal(cut.stdout, "");
  assert.match(cut.stderr, /HoldfastError: the snapshot is damaged: the snapshot is cut short/);
  assert.equal(cut.status, 1);
});

test("list-keys.ts", async () => {
  await expectLines(
    "list-keys",
    [file],
    "5\t16\t/registry/events/shop/web-1.started",
    "2\t20\t/registry/namespaces/shop",
    "8\t21\t/registry/pods/shop/web-0",
    "7\t17\t/registry/secrets/shop/key",
  );
  await expectLines(
    "list-keys",
    [file, "3"],
    "2\t20\t/registry/namespaces/shop",
    "3\t19\t/registry/pods/shop/web-0",
  );
});

test("key-history.ts", async () => {
  await expectLines(
    "key-history",
    [file, "/registry/pods/shop/web-1"],
    "history from the beginning",
    '4\t{"phase":"Running"}',
    "6\tdeleted",
  );
});

test("hashkv.ts", async () => {
  await expectLines("hashkv", [file], "hash 1152970086 at revision 8, compacted at -1");
  await expectLines("hashkv", [file, "3"], "hash 766761554 at revision 3, compacted at -1");
});

test("buckets.ts", async () => {
  const names = ["alarm", "auth", "authRoles", "authUsers", "cluster", "key", "lease"];
  const entries: Record<string, number> = { key: 8, lease: 1 };
  const all = [...names, "members", "members_removed", "meta"];
  await expectLines("buckets", [file], ...all.map((name) => `${name}\t${entries[name] ?? 0}`));
});

test("every example is run here", () => {
  assert.deepEqual(
    globSync("*.ts", { cwd: `${ROOT}/examples` }).toSorted(),
    [...covered].toSorted(),
  );
});

test("openSnapshot() knows its span, begins at any revision, and refuses what is no snapshot", async () => {
  const snapshot = openSnapshot(file);
  assert.equal(snapshot.revision, 8n);
  assert.equal(snapshot.compactRevision, -1n);
  assert.equal(snapshot.meta.pageSize, 4096);
  assert.equal(snapshot.bucket("nothing"), undefined);
  const rows = Array.from(snapshot.rows(7n), ({ revision }) => revision.main);
  assert.deepEqual(rows, [7n, 8n]);
  snapshot[Symbol.dispose]();
  snapshot[Symbol.dispose]();

  const other = folder.file("other");
  await writeFile(other, "no snapshot");
  assert.throws(() => openSnapshot(other), HoldfastError);
  assert.throws(() => openSnapshot(folder.file("missing.db")), { code: "ENOENT" });
});
