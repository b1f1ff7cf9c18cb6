import assert from "node:assert/strict";
import { test } from "node:test";
import {
  addBackup,
  addBackups,
  ALICE,
  allKeys,
  CLUSTER,
  fails,
  MALLORY,
  prove,
  revisions,
  scratchRepository,
  trusting,
  waiting,
} from "../../test/support/repository.ts";
import { planRemoval, removeBackup } from "./remove.ts";

const trust = trusting(ALICE);
const options = { ...waiting, trust };

test("one backup is removed by its ID, unless something protects it", async () => {
  await using repository = await scratchRepository();
  const made = await addBackups(repository, 4);
  await prove(repository, made[1]!, "contents");
  const plan = (at: number) =>
    planRemoval(repository, CLUSTER, made[at]!.name.id, { ...waiting, trust });
  await assert.rejects(plan(3), fails("backup-protected", /newest/));
  await assert.rejects(plan(1), fails("backup-protected", /last proven/));
  await assert.rejects(
    planRemoval(repository, CLUSTER, "2026", options),
    fails("backup-unknown", /4 backups/),
  );
  for (const moving of ["latest", "2030-01-01", "2030-01-01T07:00"])
    await assert.rejects(
      planRemoval(repository, CLUSTER, moving, options),
      fails("backup-unknown", new RegExp(`by its ID only, not by "${moving}"`)),
    );
  const { removal, shared, problem } = await plan(0);
  assert.equal(problem, undefined);
  assert.equal(await removeBackup(repository, removal, { ...waiting, shared }), true);
  assert.deepEqual(await revisions(repository), [103, 102, 101]);
  assert.equal(
    (await allKeys(repository)).some((key) => key.includes(made[0]!.name.random)),
    false,
  );
});

test("a forged backup can be removed by its ID, but not where no backup counts at all", async () => {
  await using repository = await scratchRepository();
  const forged = await addBackup(repository, { lineage: 9, signedBy: MALLORY });
  const plan = () => planRemoval(repository, CLUSTER, forged.name.id, { ...waiting, trust });
  await assert.rejects(plan(), fails("backup-protected", /no backup counts/));
  await addBackups(repository, 1);
  const { removal, problem, shared } = await plan();
  assert.equal(problem?.code, "signer-unknown");
  await removeBackup(repository, removal, { ...waiting, shared });
  assert.deepEqual(await revisions(repository), [100]);
});
