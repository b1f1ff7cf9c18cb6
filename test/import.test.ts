/** Snapshots of yesterday's scripts: inspected like any other, placed where they belong, and restored. */
import assert from "node:assert/strict";
import { readFile, utimes, writeFile } from "node:fs/promises";
import { test } from "node:test";
import type { Manifest } from "../src/repository/manifest.ts";
import { runForBytes } from "./support/cli.ts";
import { backendOf, rowsOf, withTrailer } from "./support/small-snapshot.ts";
import { station } from "./support/station.ts";

/** A database with so many revisions, without a trailer. */
function database(revisions: number): Uint8Array {
  return backendOf(
    rowsOf(Array.from({ length: revisions }, (_, i) => [{ key: "k", value: `${i}` }])),
  );
}

test("the time is that of the flag, else of the name, else of the file", async () => {
  await using here = await station();
  const write = async (name: string, revisions: number): Promise<string> => {
    await writeFile(here.file(name), withTrailer(database(revisions)));
    return here.file(name);
  };
  const named = await here.import(await write("etcd-20261101-033000.db", 3));
  const old = await write("snapshot.db", 2);
  await utimes(old, 1_700_000_000, 1_700_000_000.9);
  const dated = await here.import(old);
  const told = await here.import(await write("etcd-2026-11-02.db", 9), "--time=2026-11-03T07:00");
  assert.deepEqual(
    [named, dated, told].map(({ time, imported, source }) => [time, imported, source]),
    [
      ["2026-11-01T03:30:00Z", true, null],
      ["2023-11-14T22:13:20Z", true, null],
      ["2026-11-03T07:00:00Z", true, null],
    ],
  );
  const newestFirst = (await here.list()).map(({ time }) => time.slice(0, 10));
  assert.deepEqual(newestFirst, ["2026-11-03", "2026-11-01", "2023-11-14"]);
});

test("several at once, the oldest first; one that is there is left out, a damaged one refused", async () => {
  await using here = await station();
  const files: string[] = [];
  for (const [day, revisions] of [
    ["03", 9],
    ["01", 3],
    ["02", 5],
  ] as const) {
    files.push(here.file(`etcd-202611${day}.db`));
    await writeFile(files.at(-1)!, withTrailer(database(revisions)));
  }
  const damaged = here.file("etcd-20261104.db");
  const bytes = withTrailer(database(11));
  bytes[5000]! ^= 1;
  await writeFile(damaged, bytes);
  const argv = ["import", ...files, damaged, ...here.writing];
  const { status, stdout, stderr } = await here.run(argv);
  assert.equal(status, 10, stderr);
  assert.match(stderr, /"\/.*etcd-20261104\.db" is not imported: the snapshot is damaged/);
  assert.deepEqual(
    [...stdout.matchAll(/ {2}from .*(\d\d)\.db/g)].map(([, day]) => day),
    ["01", "02", "03"],
  );
  const lines = (await here.list()).map(({ lineage, revision }) => `${lineage} ${revision}`);
  assert.deepEqual(lines, ["1 10", "1 6", "1 4"]);
  const again = await here.run(["import", ...files, ...here.writing]);
  assert.equal(again.status, 0);
  assert.equal(again.stdout.match(/is there already: 2026/g)?.length, 3);
  assert.equal((await here.list()).length, 3);
});

test("a copied db file has no SHA-256: that is said, and it can be restored", async () => {
  await using here = await station();
  const path = here.file("db");
  await writeFile(path, database(4));
  const { stdout, stderr, status } = await here.run([
    "import",
    path,
    ...here.writing,
    "-o",
    "json",
  ]);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /code=no-trailer/);
  const [manifest] = JSON.parse(stdout) as [Manifest];
  assert.equal(manifest.snapshot.trailer, "absent");
  const cat = await runForBytes(["cat", manifest.id, ...here.reading]);
  assert.deepEqual(cat.stdout, await readFile(path));
  const argv = ["restore", ...here.reading, `--data-dir=${here.file("etcd")}`];
  const unknown = await here.run(argv);
  assert.equal(unknown.status, 1);
  assert.match(unknown.stderr, /does not know the members of its cluster\nHint: give --name/);
  const cluster = ["--name=m1", "--initial-cluster=m1=http://127.0.0.1:2380"];
  const restored = await here.run([...argv, ...cluster]);
  assert.equal(restored.status, 0, restored.stderr);
  assert.match(restored.stderr, /import +the snapshot had no SHA-256 of its own/);
});

test("from standard input, and what is no snapshot", async () => {
  await using here = await station();
  const input = withTrailer(database(4));
  const argv = ["import", "-", "--time=2026-11-24", ...here.writing];
  const { status, stdout } = await here.run(argv, { input });
  assert.equal(status, 0);
  assert.match(stdout, /^Backup 20261124T000000Z-l1-r5-/);
  const wrong = await here.run(argv, { input: new TextEncoder().encode("PK zip".repeat(2000)) });
  assert.equal(wrong.status, 10);
  const two = await here.run(["import", "a", "b", "--time=2026-11-24", ...here.writing]);
  assert.equal(two.status, 128);
});
