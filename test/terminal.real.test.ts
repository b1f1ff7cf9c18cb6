/** What only a person at a terminal sees: questions before something is replaced or removed, passphrases, progress. */
import assert from "node:assert/strict";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { startCluster } from "./support/etcd.ts";
import { fill } from "./support/fill.ts";
import { output } from "./support/program.ts";
import { recordingProxy } from "./support/recording-proxy.ts";
import { SEVERAL_MB } from "./support/saving.ts";
import { scratch } from "./support/scratch.ts";
import { backendOf, rowsOf, withTrailer } from "./support/small-snapshot.ts";
import { station, type Station } from "./support/station.ts";
import { CLEAR_LINE, holdfastOnTerminal, visibleLines } from "./support/terminal.ts";

/** A repository with so many backups of one cluster. */
async function filled(backups = 1): Promise<Station> {
  const here = await station();
  for (let revision = 1; revision <= backups; revision++) {
    const path = here.file(`${revision}.db`);
    const changes = Array.from({ length: revision }, (_, i) => [{ key: `k${i}`, value: "v" }]);
    await writeFile(path, withTrailer(backendOf(rowsOf(changes))));
    await here.import(path, `--time=2026-0${revision}-01T00:00:00Z`);
  }
  return here;
}

function restoring(here: Station): readonly string[] {
  const cluster = ["--name=m1", "--initial-cluster=m1=http://127.0.0.1:2380"];
  return ["restore", ...here.reading, ...cluster, `--data-dir=${here.file("etcd")}`];
}

test("restore shows its plan and asks; no is no, and yes restores", async () => {
  await using here = await filled();
  for (const answer of ["n\n", "\n", "\x04"]) {
    const asked = holdfastOnTerminal(restoring(here));
    await asked.shows(/new cluster[^]*Restore into .*etcd as planned above\? \[y\/N\] $/);
    asked.type(answer);
    const { status, screen } = await asked.ended;
    assert.notEqual(status, 0, screen);
    assert.match(screen, /not done: restore into/);
    assert.ok(!(await readdir(here.path)).includes("etcd"));
  }
  const agreed = holdfastOnTerminal(restoring(here));
  await agreed.shows(/\? \[y\/N\] $/);
  agreed.type("y\n");
  const { status, screen } = await agreed.ended;
  assert.equal(status, 0, screen);
  assert.deepEqual(await readdir(here.file("etcd")), ["member"]);
});

test("over a data dir that is there the question says what is replaced; Ctrl-C leaves it", async () => {
  await using here = await filled();
  await mkdir(here.file("etcd", "member", "snap"), { recursive: true });
  const asked = holdfastOnTerminal(restoring(here));
  await asked.shows(/Replace what is in .*etcd.* as planned above\? \[y\/N\] $/);
  asked.type("\x03");
  const { status, screen } = await asked.ended;
  assert.equal(status, 130, screen);
  assert.deepEqual(await readdir(here.file("etcd")), ["member"]);
  assert.deepEqual(
    (await readdir(here.path)).filter((name) => /before|holdfast-/.test(name)),
    [],
  );
});

test("prune asks before anything is removed", async () => {
  await using here = await filled(3);
  const signers = here.reading.filter((flag) => !flag.startsWith("--identity"));
  const args = ["prune", "--keep-last=1", ...signers];
  const refused = holdfastOnTerminal(args);
  await refused.shows(/\? \[y\/N\] $/);
  refused.type("n\n");
  assert.notEqual((await refused.ended).status, 0);
  assert.equal((await here.list()).length, 3);
  const agreed = holdfastOnTerminal(args);
  await agreed.shows(/\? \[y\/N\] $/);
  agreed.type("yes\n");
  const { status, screen } = await agreed.ended;
  assert.equal(status, 0, screen);
  assert.equal((await here.list()).length, 1);
});

test("the passphrase of a key is asked for, and not shown", async () => {
  await using here = await filled();
  const key = here.file("locked");
  await output("ssh-keygen", ["-q", "-t", "ed25519", "-N", "open sesame", "-f", key]);
  const args = ["verify", ...here.reading, `--signing-key=${key}`];
  const asked = holdfastOnTerminal(args);
  await asked.shows(/[Pp]assphrase.*: $/);
  asked.type("open sesame\r");
  const { status, screen } = await asked.ended;
  assert.equal(status, 0, screen);
  assert.doesNotMatch(screen, /sesame/);
  const left = holdfastOnTerminal(args);
  await left.shows(/[Pp]assphrase.*: $/);
  left.type("\x03");
  const end = await left.ended;
  assert.equal(end.status, 130, end.screen);
  assert.match(end.screen, /Error: interrupted by SIGINT/);
});

test("Ctrl-C at the passphrase of an identity is no damage of the backup", async () => {
  await using here = await filled();
  const key = here.file("locked");
  await output("ssh-keygen", ["-q", "-t", "ed25519", "-N", "open sesame", "-f", key]);
  const path = here.file("9.db");
  await writeFile(path, withTrailer(backendOf(rowsOf([[{ key: "k", value: "v" }]]))));
  const writing = here.writing.filter((flag) => !flag.startsWith("--recipients-file"));
  for (const sealing of [["--seal=passphrase"], [`--recipients-file=${key}.pub`]]) {
    const env = { HOLDFAST_PASSPHRASE: "open sesame" };
    const made = await here.run(["import", path, ...writing, ...sealing], { env });
    assert.equal(made.status, 0, made.stderr);
    const reading = here.reading.filter((flag) => !flag.startsWith("--identity"));
    const asked = holdfastOnTerminal([
      "verify",
      "latest",
      "--read-data",
      `--identity=${key}`,
      ...reading,
    ]);
    await asked.shows(/[Pp]assphrase.*: $/);
    asked.type("\x03");
    const { status, screen } = await asked.ended;
    assert.equal(status, 130, screen);
    assert.match(screen, /Error: interrupted by SIGINT/);
  }
});

test("a save shows a bar that fits into the terminal's line and leaves nothing of it, and none on a dumb one", async () => {
  await using cluster = await startCluster({ line: "3.6" });
  await fill(cluster.endpoints[0]!, SEVERAL_MB);
  await using proxy = await recordingProxy(cluster);
  await using folder = await scratch();
  for (const columns of [100, 30]) {
    const file = folder.file(`${columns}.db`);
    const args = ["snapshot", "save", file, `--endpoints=${proxy.url}`];
    proxy.breakWith({ delayMs: 8 });
    const saving = holdfastOnTerminal(args, columns);
    await saving.shows(/saving.* of .*\r[^]*saving.* of /);
    const { status, screen } = await saving.ended;
    assert.equal(status, 0, screen);
    const pieces = screen.split(CLEAR_LINE).map((piece) => piece.split("\r")[0]!);
    const drawn = pieces.filter((piece) => piece.startsWith("saving"));
    assert.ok(drawn.length >= 2, screen);
    for (const bar of drawn) {
      assert.ok(bar.length < columns, bar);
      if (columns === 100)
        assert.match(bar, /^saving {2}\[#*\.*\] +\d+% {2}\S+ .?B of \S+ .?B {2}/);
    }
    const [taken, proven, ...results] = visibleLines(screen);
    assert.match(taken!, /^taking the snapshot from /);
    assert.match(proven!, /^proven: /);
    assert.deepEqual(results, [`Snapshot saved at ${file}`, "Server version 3.6.0", ""], screen);

    proxy.breakWith({ stallAfter: 7_000_000, delayMs: 8 });
    const left = holdfastOnTerminal(args, columns);
    await left.shows(/saving.* of /);
    left.type("\x03");
    const end = await left.ended;
    assert.equal(end.status, 130, end.screen);
    const lines = visibleLines(end.screen);
    assert.deepEqual(lines.slice(1), ["Error: interrupted by SIGINT", ""], end.screen);
  }
  proxy.breakWith({ delayMs: 8 });
  const args = ["snapshot", "save", folder.file("dumb.db"), `--endpoints=${proxy.url}`];
  const { status, screen } = await holdfastOnTerminal(args, 100, "dumb").ended;
  assert.equal(status, 0, screen);
  assert.match(screen, /^taking the snapshot from .*\r\nproven: /);
});
