/** `snapshot status` and `hashkv FILE` against etcdutl 3.6 and 3.7, byte for byte, on snapshots of every line. */
import assert from "node:assert/strict";
import { copyFile, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { runCommand } from "./support/cli.ts";
import { ETCD_LINES, etcdBinaries, startCluster, type EtcdLine } from "./support/etcd.ts";
import { fill } from "./support/fill.ts";
import { run, type Finished } from "./support/program.ts";
import { scratch, type Scratch } from "./support/scratch.ts";

const SEED = 20260501;
const MODES = ["simple", "json", "fields", "table", "protobuf"];
const BOX_LINES = /[┌┬┐├┼┤└┴┘─│]/;

async function etcdutl(line: "3.6" | "3.7", ...args: string[]): Promise<Finished> {
  const { etcdutl: program } = await etcdBinaries(line);
  return run(program!, args);
}

const UTF8_TERMINAL = { terminal: true, env: { LANG: "C.UTF-8" } };

/** 3.7 draws other lines; nothing else may differ. */
function inAscii(table: string): string {
  return table
    .replaceAll("─", "-")
    .replaceAll("│", "|")
    .replaceAll(new RegExp(BOX_LINES, "g"), "+");
}

let folder: Scratch;
before(async () => {
  folder = await scratch();
});
after(() => folder[Symbol.asyncDispose]());

/** Snapshots of one line: of an empty store, a filled one, and a compacted one whose rows have no leases. */
async function takeSnapshots(line: EtcdLine): Promise<string[]> {
  await using cluster = await startCluster({ line });
  const [url] = cluster.endpoints;
  const paths: string[] = [];
  const save = async (name: string): Promise<void> => {
    const path = folder.file(`${line}-${name}.db`);
    const { status, stderr } = await cluster.ctl("snapshot", "save", path);
    assert.equal(status, 0, stderr);
    paths.push(path);
  };
  await save("empty");
  await fill(url!, { keys: 120, seed: SEED, leases: 0, parallel: 1 });
  const { status, stderr } = await cluster.ctl("compact", "20");
  assert.equal(status, 0, stderr);
  await save("compacted");
  await fill(url!, { keys: 60, seed: SEED + 1, leases: 3, parallel: 1 });
  await save("filled");
  return paths;
}

for (const line of ETCD_LINES) {
  describe(`snapshots of etcd ${line} (seed ${SEED})`, () => {
    let snapshots: string[];
    before(async () => {
      snapshots = await takeSnapshots(line);
    });

    test("snapshot status prints what etcdutl prints, in every mode", async () => {
      for (const path of snapshots) {
        for (const mode of MODES) {
          const ours = await runCommand(["snapshot", "status", path, "-w", mode]);
          const [older, newer] = [
            await etcdutl("3.6", "snapshot", "status", path, "-w", mode),
            await etcdutl("3.7", "snapshot", "status", path, "-w", mode),
          ];
          assert.deepEqual([ours.stdout, ours.status], [older.stdout, older.status], mode);
          assert.deepEqual([ours.stdout, ours.status], [inAscii(newer.stdout), newer.status], mode);
        }
      }
    });

    test("on a UTF-8 terminal the table is 3.7's", async () => {
      for (const path of snapshots) {
        const ours = await runCommand(["snapshot", "status", path, "-w", "table"], UTF8_TERMINAL);
        const theirs = await etcdutl("3.7", "snapshot", "status", path, "-w", "table");
        assert.equal(ours.stdout, theirs.stdout);
      }
    });

    test("hashkv prints what etcdutl prints, in every mode, and does not touch the file", async () => {
      for (const path of snapshots) {
        const bytes = await readFile(path);
        for (const mode of MODES) {
          const ours = await runCommand(["hashkv", path, "-w", mode]);
          for (const tool of utilitiesFor(path)) {
            const copy = await copyOf(path);
            const theirs = await etcdutl(tool, "hashkv", copy, "-w", mode);
            assert.deepEqual([ours.stdout, ours.status], [inAscii(theirs.stdout), theirs.status]);
          }
        }
        assert.ok(bytes.equals(await readFile(path)));
      }
    });

    test("hashkv agrees at older revisions, and refuses those that are gone or to come", async () => {
      const path = snapshots[1]!;
      for (const revision of ["1", "19", "20", "21", "25", "1000000"]) {
        const ours = await runCommand(["hashkv", path, "--rev", revision]);
        const theirs = await etcdutl("3.7", "hashkv", await copyOf(path), "--rev", revision);
        assert.deepEqual([ours.stdout, ours.status], [theirs.stdout, theirs.status], revision);
      }
    });
  });
}

/** 3.6's hashkv panics on a file with a leased key. */
function utilitiesFor(path: string): ("3.6" | "3.7")[] {
  return path.includes("filled") ? ["3.7"] : ["3.6", "3.7"];
}

/** etcdutl's hashkv writes to its file. */
async function copyOf(path: string): Promise<string> {
  const copy = folder.file("copy.db");
  await copyFile(path, copy);
  return copy;
}

describe("what is no good snapshot", () => {
  let snapshot: string;
  before(async () => {
    await using cluster = await startCluster({ line: "3.6" });
    await fill(cluster.endpoints[0]!, { keys: 50, seed: SEED });
    snapshot = folder.file("good.db");
    await cluster.ctl("snapshot", "save", snapshot);
  });

  test("a wrong trailer: etcdutl says nothing, we print the status and exit with 10", async () => {
    const path = folder.file("trailer.db");
    await copyFile(snapshot, path);
    const bytes = await readFile(path);
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(path, bytes);
    const theirs = await etcdutl("3.6", "snapshot", "status", path);
    const ours = await runCommand(["snapshot", "status", path]);
    assert.deepEqual([theirs.status, ours.status], [0, 10]);
    assert.equal(ours.stdout, theirs.stdout);
    assert.match(ours.stderr, /is damaged: the SHA-256 trailer does not match/);
    const hash = await runCommand(["hashkv", path]);
    assert.equal(hash.status, 10);
    assert.match(hash.stdout, /^\d+, \d+, -1\n$/);
  });

  test("without its trailer the status is the same, and a warning says so", async () => {
    const path = folder.file("bare.db");
    await copyFile(snapshot, path);
    await truncate(path, (await readFile(path)).length - 32);
    const theirs = await etcdutl("3.6", "snapshot", "status", path);
    const ours = await runCommand(["snapshot", "status", path]);
    assert.deepEqual([ours.stdout, ours.status], [theirs.stdout, theirs.status]);
    assert.match(ours.stderr, /^Warning: .*no trailer/);
  });

  test("cut in half: nothing is printed but the error", async () => {
    const path = folder.file("half.db");
    await copyFile(snapshot, path);
    await truncate(path, (await readFile(path)).length >> 1);
    const ours = await runCommand(["snapshot", "status", path]);
    assert.deepEqual([ours.stdout, ours.status], ["", 10]);
    assert.match(ours.stderr, /is damaged: the snapshot is cut short/);
  });

  test("missing, a folder, empty, text, too small: etcdutl's status, and near its words", async () => {
    await writeFile(folder.file("empty"), "");
    await writeFile(folder.file("text"), "not a database");
    await writeFile(folder.file("small"), Buffer.alloc(5000, 0x42));
    for (const [name, words] of [
      ["missing", /no such file or directory/],
      [".", /invalid database/],
      ["empty", /invalid database.*empty/],
      ["text", /invalid database/],
      ["small", /invalid database/],
    ] as const) {
      const theirs = await etcdutl("3.6", "snapshot", "status", folder.file(name));
      const ours = await runCommand(["snapshot", "status", folder.file(name)]);
      assert.deepEqual([ours.stdout, ours.status], [theirs.stdout, theirs.status], name);
      assert.match(ours.stderr, words);
    }
  });

  test("from a pipe the status is the same", async () => {
    const input = await readFile(snapshot);
    const fromFile = await runCommand(["snapshot", "status", snapshot]);
    assert.deepEqual(await runCommand(["snapshot", "status", "-"], { input }), fromFile);
  });
});

test("the database of a running server is read without waiting for its lock, and it is said who holds it", async () => {
  await using cluster = await startCluster({ line: "3.6" });
  const [member] = cluster.members;
  const path = join(member!.dataDir, "member", "snap", "db");
  const status = await runCommand(["snapshot", "status", path]);
  assert.equal(status.status, 0);
  assert.match(status.stdout, /^[0-9a-f]+, \d+, \d+, \d+ kB, (3\.6\.0)?\n$/);
  const holder = `\\(process ${member!.pid}\\)`;
  assert.match(status.stderr, new RegExp(`^Warning: the file is held by .* ${holder}`, "m"));
  const inspected = await runCommand(["inspect", path]);
  assert.equal(inspected.status, 0);
  assert.match(inspected.stdout, new RegExp(`^ {2}held by +.*${holder}$`, "m"));
  const target = `--data-dir=${folder.file("restored")}`;
  const restored = await runCommand(["snapshot", "restore", path, "--skip-hash-check", target]);
  assert.equal(restored.status, 0, restored.stderr);
  assert.match(restored.stderr, new RegExp(`^Warning: ".*" is held by .* ${holder}: .*log`, "m"));
});
