/** `snapshot restore` beside etcdutl's: the same files, the same refusals. */
import assert from "node:assert/strict";
import { mkdir, readFile, readdir, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { runCommand } from "./support/cli.ts";
import { contentsOf } from "./support/database.ts";
import { etcdBinaries, startCluster } from "./support/etcd.ts";
import type { EtcdLine } from "./support/etcd.ts";
import { run } from "./support/program.ts";
import { clusterFlags, fillWithHistory, takeSnapshot } from "./support/restored.ts";
import { scratch } from "./support/scratch.ts";
import type { Scratch } from "./support/scratch.ts";

let folder: Scratch;
let snapshot: string;
before(async () => {
  folder = await scratch();
  snapshot = folder.file("snapshot.db");
  await using cluster = await startCluster({ line: "3.6" });
  await fillWithHistory(cluster.endpoints[0]!);
  await takeSnapshot(cluster, snapshot);
});
after(() => folder[Symbol.asyncDispose]());

/** Runs etcdutl of one line and holdfast with the same arguments but for the data dir. */
async function both(line: Exclude<EtcdLine, "3.4">, dataDir: string, ...args: string[]) {
  const { etcdutl } = await etcdBinaries(line);
  const [theirDir, ourDir] = [folder.file(`${dataDir}-theirs`), folder.file(`${dataDir}-ours`)];
  const command = (into: string) => ["snapshot", "restore", ...args, `--data-dir=${into}`];
  const theirs = await run(etcdutl!, command(theirDir));
  const ours = await runCommand(command(ourDir));
  return { theirs, ours, theirDir, ourDir };
}

const WAL = join("member", "wal", "0000000000000000-0000000000000000.wal");

async function snapFile(dataDir: string): Promise<string> {
  const names = await readdir(join(dataDir, "member", "snap"));
  return join(
    "member",
    "snap",
    names.find((name) => name.endsWith(".snap"))!,
  );
}

async function databaseContents(dataDir: string) {
  return contentsOf(await readFile(join(dataDir, "member", "snap", "db")));
}

const CLUSTERS: Record<string, string[]> = {
  "default flags": [],
  "three members": clusterFlags(
    { name: "m1", peerURL: "http://10.0.1.10:2380" },
    ["10", "11", "12"].map((host, i) => ({
      name: `m${i + 1}`,
      peerURL: `http://10.0.1.${host}:2380`,
    })),
  ),
  "several URLs and odd names": [
    '--name=ä<&> "\\',
    '--initial-cluster=ä<&> "\\=HTTPS://B.example:1,ä<&> "\\=http://[::1]:2,\u2028=unix:///run/etcd.sock,z=http://localhost:3',
    "--initial-cluster-token=t <&>",
    "--initial-advertise-peer-urls= http://[::1]:2,https://B.example:1",
  ],
};

for (const [name, flags] of Object.entries(CLUSTERS)) {
  const id = name.replaceAll(" ", "-");

  test(`${name}: all files are those of etcdutl 3.5`, async () => {
    const { theirs, ours, theirDir, ourDir } = await both("3.5", id, snapshot, ...flags);
    assert.deepEqual([theirs.status, ours.status], [0, 0], theirs.stderr + ours.stderr);
    assert.equal(ours.stdout, "");
    const snap = await snapFile(theirDir);
    assert.equal(await snapFile(ourDir), snap);
    for (const file of [WAL, snap]) {
      const [their, our] = [
        await readFile(join(theirDir, file)),
        await readFile(join(ourDir, file)),
      ];
      assert.ok(their.equals(our), `${file} is the same, byte for byte`);
    }
    for (const path of ["", "member", "member/snap", "member/wal", WAL, snap, "member/snap/db"]) {
      const [their, our] = [await stat(join(theirDir, path)), await stat(join(ourDir, path))];
      assert.equal(our.mode.toString(8), their.mode.toString(8), path);
    }
    const wal = await stat(join(ourDir, WAL));
    assert.equal(wal.size, 64_000_000);
    assert.ok(wal.blocks * 512 < 1_000_000, "preallocated by a hole");
  });

  test(`${name}: the log is that of etcdutl 3.6, the db too but for confState`, async () => {
    const { theirs, ours, theirDir, ourDir } = await both("3.6", `${id}-3.6`, snapshot, ...flags);
    assert.deepEqual([theirs.status, ours.status], [0, 0], theirs.stderr + ours.stderr);
    assert.ok((await readFile(join(theirDir, WAL))).equals(await readFile(join(ourDir, WAL))));
    const [their, our] = [await databaseContents(theirDir), await databaseContents(ourDir)];
    const confState = Buffer.from("confState").toString("hex");
    const others = our["meta"]!.filter(([key]) => key !== confState);
    assert.equal(others.length, our["meta"]!.length - 1);
    assert.deepEqual(
      { ...our, meta: others },
      { ...their, meta: their["meta"]!.filter(([key]) => key !== confState) },
    );
  });
}

function isCompactionMark([key]: [string, string]): boolean {
  return Buffer.from(key, "hex").toString().endsWith("CompactRev");
}

test("a bump writes the rows that etcdutl writes", async () => {
  // in every way to write a number that Go reads: 010 is eight
  for (const bump of ["1000000000", "1_000", "0x10", "0b11", "0o17", "010"]) {
    const flags = [`--bump-revision=${bump}`, "--mark-compacted"];
    const { theirs, ours, theirDir, ourDir } = await both(
      "3.6",
      `bump-${bump}`,
      snapshot,
      ...flags,
    );
    assert.deepEqual([theirs.status, ours.status], [0, 0], theirs.stderr + ours.stderr);
    const [their, our] = [await databaseContents(theirDir), await databaseContents(ourDir)];
    assert.deepEqual(our["key"], their["key"], bump);
    const [theirMark, ourMark] = [their, our].map(({ meta }) => meta!.filter(isCompactionMark));
    assert.deepEqual(ourMark, theirMark, bump);
  }
});

test("without --data-dir the name of the member is the name of the folder", async () => {
  const { etcdutl } = await etcdBinaries("3.6");
  const place = folder.file("theirs", "ours");
  await mkdir(place, { recursive: true });
  const theirs = await run(etcdutl!, ["snapshot", "restore", snapshot], { cwd: place });
  assert.equal(theirs.status, 0, theirs.stderr);
  assert.deepEqual(await readdir(place), ["default.etcd"]);
  const cwd = process.cwd();
  process.chdir(folder.file("theirs"));
  try {
    const ours = await runCommand(["snapshot", "restore", snapshot]);
    assert.equal(ours.status, 0, ours.stderr);
  } finally {
    process.chdir(cwd);
  }
  assert.deepEqual(await readdir(folder.file("theirs")), ["default.etcd", "ours"]);
});

interface Refusal {
  /** Makes what the arguments need, and gives them; the data dir is added. */
  readonly prepare: (dataDirs: readonly string[]) => Promise<string[]>;
  /** What holdfast says; etcdutl has to say so too unless `theirs` is given. */
  readonly message: RegExp;
  readonly theirs?: RegExp;
  /** etcdutl's, unless it died of it. */
  readonly status: number;
}

async function damaged(name: string, change: (bytes: Buffer) => Buffer | void): Promise<string> {
  const bytes = await readFile(snapshot);
  const file = folder.file(name);
  await writeFile(file, change(bytes) ?? bytes);
  return file;
}

const flags =
  (...args: string[]) =>
  async () => [snapshot, ...args];

const REFUSALS: Record<string, Refusal> = {
  "no trailer": {
    prepare: async () => [await damaged("bare.db", (bytes) => bytes.subarray(0, -32))],
    message: /snapshot missing hash but --skip-hash-check=false/,
    status: 1,
  },
  "cut anywhere": {
    prepare: async () => [await damaged("cut.db", (bytes) => bytes.subarray(0, 5001))],
    message: /snapshot missing hash but --skip-hash-check=false/,
    status: 1,
  },
  "a wrong trailer": {
    prepare: async () => [
      await damaged("trailer.db", (bytes) => void (bytes[bytes.length - 1]! ^= 1)),
    ],
    message: /expected sha256 \[(\d+ ){31}\d+\], got \[(\d+ ){31}\d+\]/,
    status: 1,
  },
  "a flipped bit": {
    prepare: async () => [await damaged("bit.db", (bytes) => void (bytes[70_000]! ^= 4))],
    message: /expected sha256 \[(\d+ ){31}\d+\], got \[(\d+ ){31}\d+\]/,
    status: 1,
  },
  "an empty file": {
    prepare: async () => [await damaged("empty.db", () => Buffer.alloc(0))],
    message: /snapshot missing hash/,
    theirs: /invalid argument/,
    status: 1,
  },
  "no such file": {
    prepare: async () => [folder.file("nowhere.db")],
    message: /nowhere\.db.*: no such file or directory/,
    status: 1,
  },
  "a folder": {
    prepare: async () => [folder.path],
    message: /is a directory/,
    status: 1,
  },
  "a data dir with something in it": {
    prepare: async (dataDirs) => {
      for (const dataDir of dataDirs) await mkdir(join(dataDir, "member"), { recursive: true });
      return [snapshot];
    },
    message: /data-dir ".*" not empty or could not be read/,
    status: 1,
  },
  "a data dir that is a file": {
    prepare: async (dataDirs) => {
      for (const dataDir of dataDirs) await writeFile(dataDir, "");
      return [snapshot];
    },
    message: /data-dir ".*" not empty or could not be read/,
    status: 1,
  },
  "a WAL dir that exists": {
    prepare: async () => {
      await mkdir(folder.file("wal"), { recursive: true });
      return [snapshot, `--wal-dir=${folder.file("wal")}`];
    },
    message: /wal-dir ".*wal" exists/,
    status: 1,
  },
  "a name that is not in the cluster": {
    prepare: flags("--name=zz"),
    message: /couldn't find local name "zz" in the initial cluster configuration/,
    status: 1,
  },
  "other peer URLs advertised": {
    prepare: flags("--initial-advertise-peer-urls=http://localhost:2381"),
    message:
      /--initial-cluster has default=http:\/\/localhost:2380 but missing from --initial-advertise-peer-urls=http:\/\/localhost:2381 \(resolved urls: "http:\/\/localhost:2381" != "http:\/\/localhost:2380"\)/,
    status: 1,
  },
  "a URL used twice": {
    prepare: flags("--initial-cluster=default=http://localhost:2380,b=http://localhost:2380"),
    message:
      /initial cluster b=http:\/\/localhost:2380,default=http:\/\/localhost:2380 has duplicate url/,
    status: 1,
  },
  "a URL with a path": {
    prepare: flags("--initial-cluster=default=http://localhost:2380/"),
    message: /URL must not contain a path: http:\/\/localhost:2380\//,
    status: 1,
  },
  "a URL without a port": {
    prepare: flags("--initial-advertise-peer-urls=http://localhost"),
    message: /URL address does not have the form "host:port": http:\/\/localhost/,
    status: 1,
  },
  "a scheme that is none of etcd's": {
    prepare: flags("--initial-cluster=default=ftp://localhost:2380"),
    message: /URL scheme must be http, https, unix, or unixs: ftp:\/\/localhost:2380/,
    status: 1,
  },
  "a bump alone": {
    prepare: flags("--bump-revision=1000"),
    message: /--mark-compacted required if --(revision-bump|bump-revision) > 0/,
    status: 128,
  },
  "a compaction mark alone": {
    prepare: flags("--mark-compacted"),
    message: /--mark-compacted required if --(revision-bump|bump-revision) > 0/,
    status: 128,
  },
  "a bump of zero": {
    prepare: flags("--bump-revision=0", "--mark-compacted"),
    message: /--mark-compacted required if --(revision-bump|bump-revision) > 0/,
    status: 128,
  },
  "a bump that is no number": {
    prepare: flags("--bump-revision=-1", "--mark-compacted"),
    message: /--bump-revision.*-1.*invalid|invalid.*-1/,
    status: 1,
  },
  "a bump that is no number in base eight": {
    prepare: flags("--bump-revision=08", "--mark-compacted"),
    message: /--bump-revision.*08.*invalid|invalid.*08/,
    status: 1,
  },
  "no file": {
    prepare: async () => [],
    message: /missing required argument/,
    theirs: /snapshot restore requires exactly one argument/,
    status: 128,
  },
  "two files": {
    prepare: flags("another.db"),
    message: /too many arguments/,
    theirs: /snapshot restore requires exactly one argument/,
    status: 128,
  },
};

for (const [name, { prepare, message, theirs: theirMessage = message, status }] of Object.entries(
  REFUSALS,
)) {
  test(`refused as by etcdutl: ${name}`, async () => {
    const id = `refused-${name.replaceAll(" ", "-")}`;
    const args = await prepare([folder.file(`${id}-theirs`), folder.file(`${id}-ours`)]);
    const names = await readdir(folder.path, { recursive: true });
    const { theirs, ours, theirDir } = await both("3.6", id, ...args);
    assert.match(theirs.stderr, theirMessage);
    assert.match(ours.stderr, message);
    assert.deepEqual([theirs.status, ours.status], [status, status]);
    assert.equal(ours.stdout, "");
    const left = await readdir(folder.path, { recursive: true });
    const own = left.filter((path) => !folder.file(path).startsWith(theirDir));
    assert.deepEqual(
      own,
      names.filter((path) => !folder.file(path).startsWith(theirDir)),
      "nothing is left",
    );
  });
}

test("--skip-hash-check takes a wrong trailer and none, as etcdutl does", async () => {
  for (const [index, cut] of [0, 32].entries()) {
    const file = await damaged(`skip-${index}.db`, (bytes) => {
      bytes[bytes.length - 1]! ^= 1;
      return bytes.subarray(0, bytes.length - cut);
    });
    const { theirs, ours, theirDir, ourDir } = await both(
      "3.6",
      `skip-${index}`,
      file,
      "--skip-hash-check",
    );
    assert.deepEqual([theirs.status, ours.status], [0, 0], ours.stderr);
    assert.deepEqual(
      (await databaseContents(ourDir))["key"],
      (await databaseContents(theirDir))["key"],
    );
    assert.match(
      ours.stderr,
      cut === 0 ? /Warning: restored in spite of trailer-mismatch/ : /Warning: no trailer/,
    );
  }
});

test("--skip-hash-check on a file cut short is a refusal, where etcdutl dies", async () => {
  const file = folder.file("short.db");
  await writeFile(file, await readFile(snapshot));
  await truncate(file, 128 * 1024);
  const { theirs, ours, ourDir } = await both("3.6", "short", file, "--skip-hash-check");
  assert.notEqual(theirs.status, 0);
  assert.equal(ours.status, 10);
  assert.match(
    ours.stderr,
    /Error: the snapshot is damaged: the snapshot is cut short: found 131072 bytes/,
  );
  await assert.rejects(stat(ourDir), /ENOENT/);
});

test("flags that have no meaning here are taken, in every spelling of Go's", async () => {
  const { theirs, ours } = await both(
    "3.7",
    "ignored",
    snapshot,
    "--initial-memory-map-size=1048576",
    "--timeout=30s",
    "-w=json",
    "--skip-hash-check=false",
    "--mark-compacted=false",
    "--bump-revision=0",
  );
  assert.deepEqual([theirs.status, ours.status], [0, 0], theirs.stderr + ours.stderr);
  assert.equal(ours.stdout, "");
});
