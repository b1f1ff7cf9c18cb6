/** Writers against each other in one repository, on purpose at every moment that there is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { interleave, switchAfter, type Schedule } from "../../test/support/interleaving.ts";
import { random } from "../../test/support/random.ts";
import {
  addBackups,
  age,
  ALICE,
  CLUSTER,
  EPOCH,
  HOUR,
  makeBackup,
  putBytes,
  requireConsistent,
  revisions,
  scratchRepository,
  trusting,
  waiting,
} from "../../test/support/repository.ts";
import { dataKey } from "./layout.ts";
import { planPrune, runPrune, type PruneOptions } from "./prune.ts";
import { publish } from "./publish.ts";
import type { Repository } from "./repository.ts";

const DAY = 24 * HOUR;
const trust = trusting(ALICE);
const options: PruneOptions = { ...waiting, trust, rules: { last: 1 }, graceMs: 2 * DAY };

/** A repository with three backups and an old leftover, and what a backup and a prune do in it. */
async function contested() {
  const repository = await scratchRepository();
  await addBackups(repository, 3);
  const lost = await makeBackup();
  await putBytes(repository, dataKey(lost.name, ""), "left over");
  await age(repository, dataKey(lost.name, ""), 9 * DAY);
  const made = await makeBackup({ revision: 500n, time: EPOCH + 9 * HOUR });
  const on = (store: Repository["store"]): Repository => ({ ...repository, store });
  const backup = async (store: Repository["store"]): Promise<void> => {
    await putBytes(on(store), made.manifest.objects[0]!.key, made.data);
    await publish(on(store), made, waiting);
  };
  const prune = async (store: Repository["store"]): Promise<void> => {
    const plan = await planPrune(on(store), CLUSTER, options);
    await runPrune(on(store), plan, waiting);
  };
  return { repository, made, backup, prune };
}

type Work = "backup" | "prune";

/** How many calls the first made. */
async function contest(first: Work, second: Work, schedule: Schedule): Promise<number> {
  const world = await contested();
  await using repository = world.repository;
  let calls = 0;
  const results = await interleave(
    repository.store,
    [world[first], world[second]],
    (waiters) => {
      const at = schedule(waiters);
      if (waiters[at] === 0) calls++;
      return at;
    },
    () => requireConsistent(repository),
  );
  for (const result of results) if (result.status === "rejected") throw result.reason;
  await requireConsistent(repository);
  const left = await revisions(repository);
  if (first === "backup" || second === "backup") assert.equal(left[0], 500);
  assert.ok(left.length >= 1);
  return calls;
}

const CONTESTS: [Work, Work][] = [
  ["prune", "backup"],
  ["backup", "prune"],
  ["prune", "prune"],
];

for (const [first, second] of CONTESTS)
  test(`a ${second} at every point of a ${first}: every listed backup is whole at every moment`, async () => {
    let calls = Infinity;
    for (let at = 0; at < calls; at++) calls = await contest(first, second, switchAfter(at));
    assert.ok(calls > 2);
  });

test("two backups and prunes in random order: every listed backup is whole at every moment", async () => {
  const seed = Number(process.env["SEED"] ?? 20261124);
  for (let run = 0; run < 12; run++) {
    const chance = random(seed + run);
    const pick: Schedule = (waiters) => chance.between(0, waiters.length - 1);
    await contest("prune", "backup", pick).catch((error: unknown) => {
      throw new Error(`seed ${seed}, run ${run}`, { cause: error });
    });
  }
});
