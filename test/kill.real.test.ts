/**
 * Processes that are killed at random instants: whatever is listed afterwards is whole, a data dir is the old or the new
 * one, and the next run goes through. `HOLDFAST_KILLS` says how often, of each of the three.
 */
import assert from "node:assert/strict";
import { readdir, rm, utimes } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { parseKey } from "../src/repository/layout.ts";
import { startCluster } from "./support/etcd.ts";
import { fill } from "./support/fill.ts";
import { startHoldfast } from "./support/holdfast.ts";
import { random, type Random } from "./support/random.ts";
import { connectionFlags, station, type Station } from "./support/station.ts";

const KILLS = Number(process.env["HOLDFAST_KILLS"] ?? 40);
const SEED = Number(process.env["SEED"] ?? 20261124);

interface Victim {
  readonly args: readonly string[];
  /** What it says when the work begins. */
  readonly begun: RegExp;
}

/** Milliseconds from where the work begins to its end, undisturbed. */
async function duration({ args, begun }: Victim): Promise<number> {
  const running = startHoldfast(args);
  await running.wrote(begun);
  const start = performance.now();
  const { status, stderr } = await running.finished;
  assert.equal(status, 0, stderr);
  return performance.now() - start;
}

/** Whether it was killed before its end. */
async function kill({ args, begun }: Victim, ms: number): Promise<boolean> {
  const running = startHoldfast(args);
  await running.wrote(begun);
  await sleep(ms);
  running.kill("SIGKILL");
  return (await running.finished).signal === "SIGKILL";
}

async function killed(victim: Victim, chance: Random, after: () => Promise<void>): Promise<void> {
  const whole = await duration(victim);
  let hits = 0;
  for (let n = 0; n < KILLS; n++) {
    if (await kill(victim, (whole * chance.between(0, 1000)) / 1000)) hits++;
    await after();
  }
  assert.ok(hits > 0, `it was never killed in the middle, seed ${SEED}`);
}

/** What is listed opens to its last key; returns how many. */
async function requireSound(here: Station): Promise<number> {
  const { status, stdout, stderr } = await here.run(["verify", "--read-data", ...here.reading]);
  assert.equal(status, 0, `seed ${SEED}: ${stdout}${stderr}`);
  return (await here.list()).length;
}

/** Makes everything in the repository look two days old. */
async function age({ repo }: Station): Promise<void> {
  const then = Date.now() / 1000 - 48 * 3600;
  for (const entry of await readdir(repo, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) await utimes(join(entry.parentPath, entry.name), then, then);
}

/** Everything that a manifest does not name is swept. */
async function requireSwept(here: Station): Promise<void> {
  const signers = here.reading.filter((flag) => !flag.startsWith("--identity"));
  const argv = ["prune", "--keep-last=999", "--sweep-after=36h", "--yes", ...signers];
  const { status, stderr } = await here.run(argv);
  assert.equal(status, 0, stderr);
  const manifests = await here.list();
  const named = new Set(manifests.flatMap(({ objects }) => objects.map(({ key }) => key)));
  const left = (await readdir(here.repo, { recursive: true })).filter((key) => {
    const kind = parseKey(key)?.kind;
    return (kind === "data" || kind === "report") && !named.has(key);
  });
  assert.deepEqual(left, [], `seed ${SEED}`);
  const incoming = await readdir(join(here.repo, ".incoming")).catch(() => []);
  assert.deepEqual(incoming, [], `seed ${SEED}`);
}

test(`backup, killed ${KILLS} times (seed ${SEED})`, async () => {
  const chance = random(SEED);
  await using here = await station();
  await using cluster = await startCluster({ line: "3.6" });
  await fill(cluster.endpoints[0]!, { keys: 1500, seed: 1 });
  const args = ["backup", ...here.writing, ...connectionFlags(cluster)];
  let before = 0;
  await killed({ args, begun: /taking the snapshot/ }, chance, async () => {
    const count = await requireSound(here);
    assert.ok(count >= before, `a backup is gone, seed ${SEED}`);
    before = count;
  });
  await age(here);
  await here.backup(cluster);
  await requireSwept(here);
  assert.ok((await requireSound(here)) >= 2);
});

test(`rekey, killed ${KILLS} times (seed ${SEED})`, async () => {
  const chance = random(SEED + 1);
  await using here = await station();
  await using cluster = await startCluster({ line: "3.6" });
  await fill(cluster.endpoints[0]!, { keys: 1500, seed: 2 });
  await here.backup(cluster);
  const sealing = [`--recipients-file=${here.key("recipients.txt")}`];
  const args = ["rekey", "--all", "--yes", ...here.reading, ...sealing];
  args.push(`--signing-key=${here.key("signing-key")}`, "--debug");
  // the first call to the store that it makes
  await killed({ args, begun: /list/ }, chance, async () => {
    const count = await requireSound(here);
    assert.ok(count === 1 || count === 2, `${count} backups, seed ${SEED}`);
  });
  await age(here);
  const last = await here.run(args);
  assert.equal(last.status, 0, last.stderr);
  await requireSwept(here);
  assert.equal(await requireSound(here), 1);
});

test(`restore over a data dir, killed ${KILLS} times (seed ${SEED})`, async () => {
  const chance = random(SEED + 2);
  await using here = await station();
  await using cluster = await startCluster({ line: "3.6" });
  await fill(cluster.endpoints[0]!, { keys: 1500, seed: 3 });
  await here.backup(cluster);
  const dataDir = here.file("data", "etcd");
  const args = ["restore", ...here.reading, `--data-dir=${dataDir}`, "--yes"];
  await killed({ args, begun: /To know:/ }, chance, async () => {
    // between the two renames the old one has its new name already, and nothing has the old one
    const names = (await readdir(here.file("data"))).filter((name) => !name.startsWith("."));
    const current = names.includes("etcd") ? "etcd" : names.find((name) => /before/.test(name));
    assert.ok(current !== undefined, `nothing is left: ${names.join()}, seed ${SEED}`);
    const db = here.file("data", current, "member", "snap", "db");
    const { status, stdout } = await here.run(["inspect", db]);
    assert.equal(status, 0, `seed ${SEED}: ${stdout}`);
  });
  await rm(here.file("data"), { recursive: true });
  const last = await here.run(args);
  assert.equal(last.status, 0, last.stderr);
});
