/**
 * Copies and prunes that are killed at any instant: what is listed is whole, both before anybody tidies up and after,
 * and the next run goes on.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { startHoldfast } from "./support/holdfast.ts";
import { keyFiles } from "./support/key-files.ts";
import { random } from "./support/random.ts";
import {
  addBackup,
  ALICE,
  allKeys,
  CLUSTER,
  EPOCH,
  HOUR,
  openFolder,
  requireConsistent,
  revisions,
  scratchRepository,
} from "./support/repository.ts";

/** How often each is killed; any number by hand. */
const KILLS = Number(process.env["HOLDFAST_KILLS"] ?? 40);
const SEED = Number(process.env["SEED"] ?? 20261124);
const SIZE = 2 << 20;
const BACKUPS = 6;

async function filled() {
  const repository = await scratchRepository();
  for (let at = 0; at < BACKUPS; at++)
    await addBackup(repository, {
      time: EPOCH + at * HOUR,
      revision: BigInt(100 + at),
      data: Buffer.alloc(SIZE, at),
    });
  return repository;
}

/** Runs a command to its end, or kills it after so many milliseconds. Whether it came to its end. */
async function run(
  args: readonly string[],
  killAfterMs?: number,
): Promise<{ ms: number; done: boolean }> {
  const started = performance.now();
  const command = startHoldfast([...args, "--cluster", CLUSTER]);
  const stop = new AbortController();
  if (killAfterMs !== undefined)
    void pause(killAfterMs, undefined, { signal: stop.signal }).then(
      () => command.kill("SIGKILL"),
      () => {},
    );
  const { status, stderr } = await command.finished;
  stop.abort();
  if (killAfterMs === undefined) assert.equal(status, 0, stderr);
  return { ms: performance.now() - started, done: status === 0 };
}

test(`copies killed at ${KILLS} random instants leave no half backup, and go on (seed ${SEED})`, async () => {
  const chance = random(SEED);
  await using source = await filled();
  await using first = await scratchRepository();
  const { ms } = await run(["copy", "--repo", source.path, "--to", first.path]);
  for (let kill = 0; kill < KILLS; kill++) {
    await using target = await scratchRepository();
    const copy = ["copy", "--repo", source.path, "--to", target.path];
    await run(copy, chance.between(Math.floor(ms / 4), Math.ceil(ms)));
    await requireConsistent(target);
    await run(copy);
    await requireConsistent(target);
    assert.deepEqual(await allKeys(target), await allKeys(source), `kill ${kill}`);
  }
});

test(`prunes killed at ${KILLS} random instants leave what is listed whole, and the leftovers are swept (seed ${SEED})`, async () => {
  const chance = random(SEED);
  await using keys = await keyFiles(ALICE);
  const prune = (path: string) => {
    const flags = ["--keep-last", "1", "--sweep-after", "0d", "--yes"];
    return ["prune", "--repo", path, "--allowed-signers", keys.allowedSigners, ...flags];
  };
  await using measured = await filled();
  const { ms } = await run(prune(measured.path));
  for (let kill = 0; kill < KILLS; kill++) {
    await using repository = await filled();
    await run(prune(repository.path), chance.between(Math.floor(ms / 4), Math.ceil(ms)));
    await using after = await openFolder(repository.path);
    await requireConsistent(after);
    assert.equal((await revisions(after))[0], 100 + BACKUPS - 1, `kill ${kill}`);
    await run(prune(repository.path));
    await requireConsistent(after);
    assert.equal((await allKeys(after)).length, 3, `kill ${kill}`);
  }
});
