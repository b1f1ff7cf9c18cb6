import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import {
  addBackup,
  addBackups,
  age,
  ALICE,
  allKeys,
  CLUSTER,
  HOUR,
  makeBackup,
  putBytes,
  requireConsistent,
  scratchRepository,
  sha256,
  trusting,
  waiting,
} from "../../test/support/repository.ts";
import { dataKey, manifestKey, signatureKey } from "./layout.ts";
import { findOrphans } from "./orphans.ts";
import { planPrune, runPrune, type PruneOptions } from "./prune.ts";
import { publish } from "./publish.ts";

const DAY = 24 * HOUR;
const trust = trusting(ALICE);
const options: PruneOptions = { ...waiting, trust, rules: { last: 2 }, graceMs: 2 * DAY };

test("leftovers are swept when they are old, and not before; what is not of the layout stays", async () => {
  await using repository = await scratchRepository();
  const [made] = await addBackups(repository, 1);
  const lost = await makeBackup({ revision: 55n });
  const young = await makeBackup({ revision: 56n });
  const keys = [
    dataKey(lost.name, ".age"),
    signatureKey(manifestKey(lost.name)),
    `${CLUSTER}/reports/${lost.name.random}.json.zst.age`,
    `${CLUSTER}/evidence/${lost.name.id}/stored-20261124T070000Z-${lost.name.random}.json`,
  ];
  for (const key of [...keys, dataKey(young.name, ""), `${CLUSTER}/backups/notes.txt`])
    await putBytes(repository, key, "left over");
  for (const key of [...keys, `${CLUSTER}/backups/notes.txt`, made!.manifest.objects[0]!.key])
    await age(repository, key, 3 * DAY);
  const plan = await planPrune(repository, CLUSTER, options);
  assert.deepEqual(plan.orphans.found.map(({ key }) => key).toSorted(), keys.toSorted());
  const { swept } = await runPrune(repository, plan, waiting);
  assert.deepEqual([...swept].toSorted(), keys.toSorted());
  assert.ok((await allKeys(repository)).includes(dataKey(young.name, "")));
  assert.ok((await allKeys(repository)).includes(`${CLUSTER}/backups/notes.txt`));
  await requireConsistent(repository);
});

test("an upload of this minute is not old, however far ahead the clock here is", async () => {
  await using repository = await scratchRepository();
  await addBackups(repository, 1);
  const fresh = await makeBackup();
  await putBytes(repository, dataKey(fresh.name, ""), "being written");
  for (const key of [...(await allKeys(repository)), "holdfast.json"])
    await age(repository, key, 400 * DAY);
  assert.deepEqual((await planPrune(repository, CLUSTER, options)).orphans.found, []);
});

test("a report whose backup is published while names are read is no leftover", async () => {
  await using repository = await scratchRepository();
  const { store } = repository;
  const random = "0123456789abcdef";
  const report = `${CLUSTER}/reports/${random}.json.zst`;
  const object = { role: "report", key: report, size: 4, sha256: sha256(Buffer.from("full")) };
  let isPublished = false;
  async function* list(prefix: string, how: typeof waiting) {
    yield* store.list(prefix, how);
    if (isPublished || !prefix.endsWith("/backups/")) return;
    isPublished = true;
    await putBytes(repository, report, "full");
    await addBackup(repository, { objects: [object] });
  }
  const watched = { ...repository, store: { ...store, list } };
  const how = { ...waiting, graceMs: 0, known: new Map(), evidence: new Map() };
  assert.deepEqual((await findOrphans(watched, CLUSTER, how)).found, []);
  assert.equal(isPublished, true);
});

test("nothing is swept while a manifest cannot be read, for it may name anything", async () => {
  await using repository = await scratchRepository();
  const made = await addBackups(repository, 2);
  await writeFile(repository.file(manifestKey(made[0]!.name)), '{"version": 2}');
  await age(repository, made[0]!.manifest.objects[0]!.key, 9 * DAY);
  const { orphans } = await planPrune(repository, CLUSTER, options);
  assert.deepEqual(orphans.found, []);
  assert.match(orphans.unknown ?? "", /cannot be read/);
});

test("an orphan that was published after the plan is none any more", async () => {
  await using repository = await scratchRepository();
  await addBackups(repository, 1);
  const late = await makeBackup({ revision: 500n });
  const key = late.manifest.objects[0]!.key;
  await putBytes(repository, key, late.data);
  await age(repository, key, 3 * DAY);
  const plan = await planPrune(repository, CLUSTER, options);
  assert.deepEqual(
    plan.orphans.found.map((one) => one.key),
    [key],
  );
  await publish(repository, late, waiting);
  assert.deepEqual((await runPrune(repository, plan, waiting)).swept, []);
  await requireConsistent(repository);
});
