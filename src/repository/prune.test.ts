import assert from "node:assert/strict";
import { rm, utimes, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { HoldfastError, type ErrorCode } from "../errors.ts";
import { interleave, switchAfter, type Schedule } from "../../test/support/interleaving.ts";
import { random } from "../../test/support/random.ts";
import {
  addBackup,
  addBackups,
  ALICE,
  allKeys,
  CLUSTER,
  collect,
  EPOCH,
  HOUR,
  listed,
  makeBackup,
  MALLORY,
  putBytes,
  scratchRepository,
  sha256,
  trusting,
  waiting,
  type MadeBackup,
  type ScratchRepository,
} from "../../test/support/repository.ts";
import { listBackups, loadBackup, loadBackups } from "./catalog.ts";
import { recordEvidence, type Depth } from "./evidence.ts";
import { dataKey, manifestKey, signatureKey } from "./layout.ts";
import { pinBackup, unpinBackup } from "./pins.ts";
import { planPrune, runPrune, type PruneOptions, type PrunePlan } from "./prune.ts";
import { publish } from "./publish.ts";
import { planRemoval, removeBackup } from "./remove.ts";
import type { Repository } from "./repository.ts";

const DAY = 24 * HOUR;
const trust = trusting(ALICE);
const options: PruneOptions = { ...waiting, trust, rules: { last: 2 }, graceMs: 2 * DAY };
const fails = (code: ErrorCode, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof HoldfastError, String(error));
  assert.match(error.message, message);
  return error.code === code;
};

function decisionsOf({ decisions }: PrunePlan): string[] {
  return decisions.map(
    ({ backup, keep, reasons }) =>
      `r${backup.revision} ${keep ? "keep" : "remove"}: ${reasons.join(", ")}`,
  );
}

async function revisions(repository: Repository): Promise<number[]> {
  const { backups } = await listBackups(repository, CLUSTER, waiting);
  return backups.map(({ revision }) => Number(revision));
}

async function prove(
  repository: Repository,
  made: MadeBackup,
  outcome: Depth | "failed",
  at = 0,
  by = ALICE,
) {
  const backup = await loadBackup(repository, await listed(repository, made.name.id), waiting);
  const depth = outcome === "failed" ? "contents" : outcome;
  const found = {
    outcome,
    depth,
    bytesRead: 1,
    durationMs: 1,
    findings: [],
    tool: "test",
    time: EPOCH + 50 * HOUR + at,
  };
  return recordEvidence(repository, backup, found, { ...waiting, sign: by.sign });
}

/** Makes an object look so old, by the clock of the store. */
async function age(repository: ScratchRepository, key: string, ms: number): Promise<void> {
  const time = new Date(Date.now() - ms);
  await utimes(repository.file(key), time, time);
}

/** Every listed backup has what its manifest names. */
async function requireConsistent(repository: Repository): Promise<void> {
  const { backups } = await listBackups(repository, CLUSTER, waiting);
  for await (const { backup, problem } of loadBackups(repository, backups, { ...waiting, trust })) {
    assert.equal(problem, undefined);
    for (const { key, sha256: wanted } of backup!.manifest.objects) {
      const pieces = await collect(repository.store.get(key, waiting));
      assert.equal(sha256(Buffer.concat(pieces)), wanted, key);
    }
  }
}

test("prune removes what its plan says, manifests and all that belongs to them", async () => {
  await using repository = await scratchRepository();
  const made = await addBackups(repository, 4);
  await prove(repository, made[0]!, "listed");
  const plan = await planPrune(repository, CLUSTER, options);
  assert.deepEqual(decisionsOf(plan), [
    "r103 keep: newest, last 2",
    "r102 keep: last 2",
    "r101 remove: no rule keeps it",
    "r100 remove: no rule keeps it",
  ]);
  assert.equal((await revisions(repository)).length, 4, "a plan changes nothing");
  const { removed, kept, swept } = await runPrune(repository, plan, waiting);
  assert.deepEqual([removed, kept, swept], [[made[0]!.name.id, made[1]!.name.id], [], []]);
  const left = made
    .slice(2)
    .flatMap(({ name, manifest }) => [
      manifest.objects[0]!.key,
      manifestKey(name),
      signatureKey(manifestKey(name)),
    ]);
  assert.deepEqual(await allKeys(repository), left.toSorted());
});

test("nothing is deleted without knowing whom to trust, but it is planned", async () => {
  await using repository = await scratchRepository();
  await addBackups(repository, 4);
  const plan = await planPrune(repository, CLUSTER, { ...options, trust: undefined });
  assert.equal(decisionsOf(plan).filter((line) => line.includes("remove")).length, 2);
  await assert.rejects(runPrune(repository, plan, waiting), fails("usage", /allowed-signers/));
  await assert.rejects(
    planRemoval(repository, CLUSTER, "2", { ...waiting, trust: undefined }),
    fails("usage", /allowed-signers/),
  );
  assert.equal((await revisions(repository)).length, 4);
});

test("rules that would remove everything are refused", async () => {
  await using repository = await scratchRepository();
  await addBackups(repository, 2);
  for (const rules of [{}, { last: 0 }, { limit: 0 }])
    await assert.rejects(
      planPrune(repository, CLUSTER, { ...options, rules }),
      fails("usage", /keep nothing/),
    );
});

test("backups that do not count keep nothing out, and are not removed either", async () => {
  await using repository = await scratchRepository();
  const made = await addBackups(repository, 3);
  const forged = await addBackup(repository, {
    lineage: 9,
    revision: 1n,
    signedBy: MALLORY,
  });
  const unsigned = await addBackup(repository, { lineage: 8, revision: 1n, signedBy: null });
  const broken = await addBackup(repository, { lineage: 7, revision: 1n });
  await rm(repository.file(broken.manifest.objects[0]!.key));
  const plan = await planPrune(repository, CLUSTER, { ...options, rules: { last: 1 } });
  assert.deepEqual(decisionsOf(plan), [
    "r102 keep: newest, last 1",
    "r101 remove: no rule keeps it",
    "r100 remove: no rule keeps it",
  ]);
  assert.deepEqual(
    plan.standings.others.map(({ name, problem }) => [name.id, problem?.code]),
    [
      [forged.name.id, "signer-unknown"],
      [unsigned.name.id, "signature-missing"],
      [broken.name.id, "backup-damaged"],
    ],
  );
  await runPrune(repository, plan, waiting);
  assert.deepEqual(await revisions(repository), [1, 1, 1, 102]);
  assert.equal(made.length, 3);
});

test("only signed evidence that is about this very backup protects, and a later failure undoes it", async () => {
  await using repository = await scratchRepository();
  const [oldest, older, old, last] = await addBackups(repository, 4);
  const rules = { last: 1 };
  const plan = async () =>
    decisionsOf(await planPrune(repository, CLUSTER, { ...options, rules })).slice(1);
  await prove(repository, old!, "contents", 0, MALLORY);
  const key = await prove(repository, older!, "contents");
  assert.deepEqual(await plan(), [
    "r102 remove: no rule keeps it",
    "r101 keep: last proven",
    "r100 remove: no rule keeps it",
  ]);
  await prove(repository, oldest!, "contents");
  await prove(repository, older!, "failed", 1000);
  await prove(repository, old!, "stored");
  await prove(repository, last!, "listed");
  assert.deepEqual(await plan(), [
    "r102 keep: last proven",
    "r101 remove: no rule keeps it",
    "r100 keep: last proven by contents",
  ]);
  // The same evidence under another backup's name.
  const moved = key.replace(older!.name.id, last!.name.id);
  for (const suffix of ["", ".sig"]) {
    const bytes = Buffer.concat(await collect(repository.store.get(key + suffix, waiting)));
    await putBytes(repository, moved + suffix, bytes);
  }
  assert.equal((await plan()).filter((line) => line.includes("proven")).length, 2);
});

test("a pinned backup stays, also one that was pinned after the plan, until it is unpinned", async () => {
  await using repository = await scratchRepository();
  const made = await addBackups(repository, 3);
  const pin = async (at: number) => {
    const backup = await loadBackup(
      repository,
      await listed(repository, made[at]!.name.id),
      waiting,
    );
    return pinBackup(repository, backup, { ...waiting, sign: ALICE.sign, tool: "test" });
  };
  assert.deepEqual([await pin(0), await pin(0)], [true, false]);
  const plan = await planPrune(repository, CLUSTER, { ...options, rules: { last: 1 } });
  assert.deepEqual(decisionsOf(plan).slice(1), [
    "r101 remove: no rule keeps it",
    "r100 keep: pinned",
  ]);
  await pin(1);
  const { removed, kept } = await runPrune(repository, plan, waiting);
  assert.deepEqual(
    [removed, kept],
    [[], [{ id: made[1]!.name.id, reason: "pinned in the meantime" }]],
  );
  const { name } = made[0]!;
  assert.deepEqual(
    [await unpinBackup(repository, name, waiting), await unpinBackup(repository, name, waiting)],
    [true, false],
  );
  await runPrune(
    repository,
    await planPrune(repository, CLUSTER, { ...options, rules: { last: 1 } }),
    waiting,
  );
  assert.deepEqual(await revisions(repository), [102, 101]);
});

test("nothing goes while the newest looks wrong", async () => {
  await using repository = await scratchRepository();
  await addBackups(repository, 3);
  await addBackup(repository, { revision: 500n, inUse: 1000 });
  const plan = await planPrune(repository, CLUSTER, options);
  assert.match(plan.frozen ?? "", /holds 1000 bytes/);
  assert.deepEqual((await runPrune(repository, plan, waiting)).removed, []);
  await assert.rejects(
    planRemoval(
      repository,
      CLUSTER,
      (await listBackups(repository, CLUSTER, waiting)).backups[3]!.id,
      options,
    ),
    fails("backup-protected", /the newest looks wrong/),
  );
});

test("what another backup replaced goes, what claims so without the same contents does not", async () => {
  await using repository = await scratchRepository();
  const [first, second] = await addBackups(repository, 2);
  const replaces = (made: MadeBackup, sha = made.manifest.snapshot.sha256) => ({
    time: made.name.time,
    revision: made.name.revision,
    more: { replaces: made.name.id, snapshot: { ...made.manifest.snapshot, sha256: sha } },
  });
  await addBackup(repository, replaces(second!));
  await addBackup(repository, replaces(first!, "1".repeat(64)));
  const plan = await planPrune(repository, CLUSTER, { ...options, rules: { last: 9 } });
  const gone = plan.decisions.filter(({ keep }) => !keep);
  assert.deepEqual(
    gone.map(({ backup }) => backup.id),
    [second!.name.id],
  );
  assert.match(gone[0]!.reasons[0]!, /^replaced by /);
});

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

test("an object that a staying backup names stays when another that names it goes", async () => {
  await using repository = await scratchRepository();
  const shared = {
    role: "companion",
    key: `${CLUSTER}/companions/pki.tar`,
    size: 3,
    sha256: sha256(Buffer.from("pki")),
  };
  await putBytes(repository, shared.key, "pki");
  for (const revision of [1n, 2n]) await addBackup(repository, { revision, objects: [shared] });
  const plan = await planPrune(repository, CLUSTER, { ...options, rules: { last: 1 } });
  assert.equal((await runPrune(repository, plan, waiting)).removed.length, 1);
  await requireConsistent(repository);
  assert.ok((await allKeys(repository)).includes(shared.key));
});

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
    const plan = await planPrune(on(store), CLUSTER, { ...options, rules: { last: 1 } });
    await runPrune(on(store), plan, waiting);
  };
  return { repository, made, backup, prune };
}

type Work = "backup" | "prune";

async function contest(first: Work, second: Work, schedule: Schedule): Promise<number> {
  const world = await contested();
  await using repository = world.repository;
  let calls = 0;
  const results = await interleave(
    repository.store,
    [world[first], world[second]],
    (waiters) => {
      calls++;
      return schedule(waiters);
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
    assert.ok(calls > 5);
  });

test("two backups and prunes in random order: every listed backup is whole at every moment", async () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  for (let run = 0; run < 12; run++) {
    const chance = random(seed + run);
    const pick: Schedule = (waiters) => chance.between(0, waiters.length - 1);
    await contest("prune", "backup", pick).catch((error: unknown) => {
      throw new Error(`seed ${seed}, run ${run}`, { cause: error });
    });
  }
});
