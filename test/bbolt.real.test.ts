/** Our bbolt reader, writer and patch against the real library, on databases of both and on real snapshots. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { freelistCount, freelistFits, freelistId } from "../src/format/bbolt/freelist.ts";
import { FREELIST, pageFlags } from "../src/format/bbolt/page.ts";
import { patchDatabase } from "../src/format/bbolt/patch.ts";
import { openDatabase } from "../src/format/bbolt/reader.ts";
import type { Entry } from "../src/format/bbolt/reader.ts";
import {
  applied,
  contentsOf,
  contentsOfDump,
  databaseOf,
  dumpOf,
  expected,
  readAtOf,
  rows,
} from "./support/database.ts";
import type { Buckets, Contents } from "./support/database.ts";
import { ETCD_LINES, startCluster } from "./support/etcd.ts";
import { fill } from "./support/fill.ts";
import { part } from "./support/parts.ts";
import { output } from "./support/program.ts";
import { random } from "./support/random.ts";
import { scratch } from "./support/scratch.ts";
import type { Scratch } from "./support/scratch.ts";

const PAGE_SIZES = [4096, 16384, 65536];
const TRAILER_BYTES = 32;

/** Small and empty buckets, a big tree, long keys, values over many pages. */
function mixed(seed: number): Buckets {
  const chance = random(seed);
  const sizes = [0, 1, 20, 300, 5000, 70_000];
  const varied = rows(400, 18, 0).map(({ key }): Entry => {
    const long = new Uint8Array(chance.pick([18, 18, 18, 40, 3000, 32768]));
    long.set(key);
    return { key: long, value: chance.bytes(chance.pick(sizes)) };
  });
  return new Map([
    ["alarm", []],
    ["auth", rows(1, 10, 16384 - 16 - 16 - 10)],
    ["key", rows(20_000, 17, 150)],
    ["lease", varied],
    ["members", rows(3, 8, 100)],
    ["meta", [...rows(5, 20, 8), ...rows(1, 20, 1_400_000, 5)]],
  ]);
}

/** Sound by bbolt's own check, and with exactly these contents. */
async function assertReal(file: Uint8Array, wanted: Contents, folder: Scratch): Promise<void> {
  const bbolt = join(await part("bbolt"), "bbolt");
  const path = folder.file("db");
  await writeFile(path, file);
  await output(bbolt, ["check", path]);
  assert.deepEqual(contentsOfDump(await output(bbolt, ["dump", path])), wanted);
}

/** Free pages, as bbolt's transactions leave them behind: some, ascending, inside the file. */
function assertFreelist(file: Uint8Array, offset: number, pages: number): void {
  assert.equal(pageFlags(file, offset), FREELIST);
  assert.equal(freelistFits(file, offset, file.length - offset), true);
  const count = freelistCount(file, offset);
  const ids = Array.from({ length: count }, (_, i) => freelistId(file, offset, i));
  assert.ok(count > 0);
  assert.deepEqual(
    ids,
    [...new Set(ids)].toSorted((a, b) => a - b),
  );
  assert.ok(ids.every((id) => id >= 2 && id < pages));
}

for (const pageSize of PAGE_SIZES) {
  for (const freelist of ["none", "persisted"] as const) {
    test(`bbolt reads what we write: ${pageSize}-byte pages, freelist ${freelist}`, async () => {
      await using folder = await scratch();
      const buckets = mixed(pageSize);
      await assertReal(databaseOf(buckets, { pageSize, freelist }), expected(buckets), folder);
    });

    test(`we read and patch what bbolt writes: ${pageSize}-byte pages, freelist ${freelist}`, async () => {
      await using folder = await scratch();
      const bbolt = join(await part("bbolt"), "bbolt");
      const buckets = mixed(pageSize + 1);
      const made = folder.file("made");
      const options = ["--page-size", `${pageSize}`, "--freelist", freelist];
      await output(bbolt, ["make", ...options, made], { input: dumpOf(expected(buckets)) });
      const file = await readFile(made);
      assert.deepEqual(contentsOf(file), expected(buckets));
      const { meta } = openDatabase(readAtOf(file), file.length);
      assert.equal(meta.pageSize, pageSize);
      assert.equal(meta.freelist === undefined, freelist === "none");
      if (meta.freelist !== undefined) assertFreelist(file, meta.freelist * pageSize, meta.pages);

      const replace: Buckets = new Map([
        ["alarm", rows(900, 8, 100)],
        ["lease", []],
        ["new", rows(2, 8, 10)],
      ]);
      const appended = rows(3000, 17, 150, 20_000);
      const append: Buckets = new Map([["key", appended]]);
      const { writes, size } = patchDatabase(readAtOf(file), file.length, { replace, append });
      const after = new Map([
        ...buckets,
        ...replace,
        ["key", [...buckets.get("key")!, ...appended]],
      ]);
      await assertReal(applied(file, writes, size), expected(after as Buckets), folder);
    });
  }
}

test("bbolt takes any number of patches of a file with fuller and emptier pages", async () => {
  for (const fullness of [0.3, 1]) {
    await using folder = await scratch();
    const buckets: Buckets = new Map([["key", rows(9000, 30, 40)]]);
    let file = databaseOf(buckets, { pageSize: 4096, fill: fullness });
    for (const count of [1, 1, 150, 4000, 1]) {
      const key = buckets.get("key")!;
      const append = new Map([["key", rows(count, 30, 40, key.length)]]);
      const { writes, size } = patchDatabase(readAtOf(file), file.length, {
        replace: new Map(),
        append,
      });
      file = applied(file, writes, size);
      buckets.set("key", [...key, ...append.get("key")!]);
    }
    await assertReal(file, expected(buckets), folder);
  }
});

for (const line of ETCD_LINES) {
  test(`snapshots of etcd ${line} are read and patched`, async () => {
    await using folder = await scratch();
    await using cluster = await startCluster({ line });
    await fill(cluster.endpoints[0]!, { keys: 800, seed: 11 });
    const path = folder.file("snapshot");
    const saved = await cluster.ctl("snapshot", "save", path);
    assert.equal(saved.status, 0, saved.stderr);
    const snapshot = await readFile(path);
    const file = snapshot.subarray(0, snapshot.length - TRAILER_BYTES);
    const contents = contentsOf(file);
    await assertReal(file, contents, folder);
    assert.ok(contents["key"]!.length >= 800);

    const members = rows(3, 16, 200);
    const meta = rows(4, 20, 8);
    const replace: Buckets = new Map([
      ["members", members],
      ["members_removed", []],
      ["meta", meta],
    ]);
    const last = Buffer.from(contents["key"]!.at(-1)![0], "hex");
    const bumped = new Uint8Array(17);
    bumped.set(last.subarray(0, 17));
    new DataView(bumped.buffer).setBigUint64(0, last.readBigUInt64BE(0) + 1_000_000_000n);
    const append: Buckets = new Map([["key", [{ key: bumped, value: new Uint8Array(0) }]]]);
    const { writes, size } = patchDatabase(readAtOf(file), file.length, { replace, append });
    const row: [string, string] = [Buffer.from(bumped).toString("hex"), ""];
    await assertReal(
      applied(file, writes, size),
      { ...contents, ...expected(replace), key: [...contents["key"]!, row] },
      folder,
    );
  });
}
