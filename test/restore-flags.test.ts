/** What the flags of a restore say of this member, and of those that are restored elsewhere. */
import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { runCommand } from "./support/cli.ts";
import { scratch } from "./support/scratch.ts";
import { backendOf, rowsOf, withTrailer } from "./support/small-snapshot.ts";
import { station, type Station } from "./support/station.ts";

const MEMBERS = "--initial-cluster=m1=http://127.0.0.1:1,m2=http://127.0.0.1:2";

async function filledStation(): Promise<Station> {
  const here = await station();
  const path = here.file("a.db");
  await writeFile(path, withTrailer(backendOf(rowsOf([[{ key: "a", value: "1" }]]))));
  await here.import(path);
  return here;
}

test("an empty data dir or name, as of a variable that is not set, is refused", async () => {
  await using here = await filledStation();
  const argv = ["restore", ...here.reading, MEMBERS];
  const before = await readdir(here.path);
  for (const flags of [
    ["--data-dir=", "--name=m1"],
    [`--data-dir=${here.file("etcd")}`, "--name="],
  ]) {
    const { status, stderr } = await here.run([...argv, ...flags]);
    assert.equal(status, 1);
    assert.match(stderr, /argument '' is invalid\. It is empty/);
  }
  assert.deepEqual(await readdir(here.path), before);
});

test("flags that change what is in the database are in the command for the other members", async () => {
  await using here = await filledStation();
  const same = ["--keep-alarms", "--keep-downgrade", "--target-version=3.5"];
  const dataDir = `--data-dir=${here.file("of m1")}`;
  const argv = ["restore", ...here.reading, MEMBERS, "--name=m1", dataDir, ...same];
  const { status, stdout, stderr } = await here.run(argv);
  assert.equal(status, 0, stderr);
  const [, command] = /on the host of m2: (.*)/.exec(stdout) ?? [];
  for (const flag of same) assert.ok(command?.split(" ").includes(flag), stdout);
  assert.ok(stdout.includes(`--data-dir='${here.file("of m1")}'`), stdout);
  assert.match(command!, / --data-dir=… --identity=… --allowed-signers=…$/);
});

test("what was restored unsigned is so by the command for the other members too", async () => {
  await using here = await filledStation();
  const keys = here.reading.filter((flag) => !flag.startsWith("--allowed-signers"));
  const dataDir = `--data-dir=${here.file("m1")}`;
  const argv = ["restore", ...keys, MEMBERS, "--name=m1", dataDir, "--skip-signature-check"];
  const { stdout } = await here.run(argv);
  assert.match(stdout, /on the host of m2: .* --data-dir=… --identity=… --skip-signature-check\n/);
});

test("what is to be typed after a snapshot restore is fit for a shell", async () => {
  await using folder = await scratch();
  const input = withTrailer(backendOf(rowsOf([[{ key: "a", value: "1" }]])));
  const dataDir = folder.file("of m1");
  const member = ["--name=m 1", "--initial-cluster=m 1=http://localhost:2380"];
  const argv = ["snapshot", "restore", "-", ...member, `--data-dir=${dataDir}`];
  const { status, stderr } = await runCommand(argv, { input });
  assert.equal(status, 0, stderr);
  assert.match(stderr, /^restored standard input at revision/);
  assert.ok(stderr.includes(`start etcd with --name='m 1' --data-dir='${dataDir}'`), stderr);
});

test("what has no hash because it is no snapshot at all is sent to inspect", async () => {
  await using folder = await scratch();
  const file = folder.file("a.db.gz");
  await writeFile(file, gzipSync(withTrailer(backendOf(rowsOf([[{ key: "a", value: "1" }]])))));
  const argv = ["snapshot", "restore", file, `--data-dir=${folder.file("etcd")}`];
  const { status, stderr } = await runCommand(argv);
  assert.equal(status, 1);
  assert.match(stderr, /^Error: snapshot missing hash .*\nHint: .*; otherwise .*holdfast inspect/);
  assert.deepEqual(await readdir(folder.path), ["a.db.gz"]);
});

test("a missing hash can be accepted like any finding, whether it is seen at once or in the end", async () => {
  await using folder = await scratch();
  const file = folder.file("copied.db");
  const input = backendOf(rowsOf([[{ key: "a", value: "1" }]]));
  await writeFile(file, input);
  for (const source of [file, "-"]) {
    const flags = [`--data-dir=${folder.file(source === "-" ? "b" : "a")}`];
    const refused = await runCommand(["snapshot", "restore", source, ...flags], { input });
    assert.match(refused.stderr, /snapshot missing hash/);
    flags.push("--accept-finding=no-trailer");
    const taken = await runCommand(["snapshot", "restore", source, ...flags], { input });
    assert.equal(taken.status, 0, taken.stderr);
    assert.match(taken.stderr, /^Warning: no trailer/m);
  }
});
