import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { test } from "node:test";
import { HoldfastError } from "../errors.ts";
import {
  addBackup,
  addBackups,
  ALICE,
  allKeys,
  CLUSTER,
  collect,
  fails,
  HOUR,
  listed,
  MALLORY,
  prove,
  putBytes,
  requireConsistent,
  revisions,
  scratchRepository,
  sha256,
  trusting,
  waiting,
  type MadeBackup,
} from "../../test/support/repository.ts";
import { listBackups, loadBackup } from "./catalog.ts";
import { manifestKey, signatureKey } from "./layout.ts";
import { pinBackup, unpinBackup } from "./pins.ts";
import { planPrune, runPrune, type PruneOptions, type PrunePlan } from "./prune.ts";
import { planRemoval } from "./remove.ts";
import type { Repository } from "./repository.ts";

const DAY = 24 * HOUR;
const trust = trusting(ALICE);
const options: PruneOptions = { ...waiting, trust, rules: { last: 2 }, graceMs: 2 * DAY };
function decisionsOf({ decisions }: PrunePlan): string[] {
  return decisions.map(
    ({ backup, keep, reasons }) =>
      `r${backup.revision} ${keep ? "keep" : "remove"}: ${reasons.join(", ")}`,
  );
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

/** The same repository in a store with locks: no file system has any. */
function locking(
  repository: Repository,
  lockedUntil: (key: string) => number | undefined,
): Repository {
  const { store } = repository;
  return {
    ...repository,
    store: {
      ...store,
      capabilities: async (call) => ({
        ...(await store.capabilities(call)),
        objectLock: true,
      }),
      stat: async (key, call) => {
        const found = await store.stat(key, call);
        return found && { ...found, lockedUntilMs: lockedUntil(key) };
      },
      delete: async (key, call) => {
        if (lockedUntil(key) !== undefined)
          throw new HoldfastError("object-locked", "it is locked");
        return store.delete(key, call);
      },
    },
  };
}

test("what the store has locked stays, and the plan says until when", async () => {
  await using repository = await scratchRepository();
  const made = await addBackups(repository, 4);
  const until = Date.UTC(2199, 0);
  const data = made[0]!.manifest.objects[0]!.key;
  const locked = locking(repository, (key) => (key === data ? until : undefined));
  const plan = await planPrune(locked, CLUSTER, { ...options, rules: { last: 1 } });
  assert.deepEqual(decisionsOf(plan).at(-1), "r100 keep: locked until 2199-01-01T00:00:00Z");
  const over = locking(repository, (key) => (key === data ? 0 : undefined));
  const later = await planPrune(over, CLUSTER, { ...options, rules: { last: 1 } });
  assert.deepEqual(decisionsOf(later).at(-1), "r100 remove: no rule keeps it");
});

test("a lock that shows only when it is too late keeps that backup, and no other", async () => {
  await using repository = await scratchRepository();
  const made = await addBackups(repository, 4);
  const plan = await planPrune(repository, CLUSTER, { ...options, rules: { last: 1 } });
  const locked = locking(repository, (key) => (key === manifestKey(made[1]!.name) ? 1 : undefined));
  const { removed, kept } = await runPrune(locked, plan, waiting);
  assert.deepEqual(removed, [made[0]!.name.id, made[2]!.name.id]);
  assert.deepEqual(kept, [{ id: made[1]!.name.id, reason: "it is locked" }]);
  assert.deepEqual(await revisions(repository), [103, 101]);
  await requireConsistent(repository);
});

test("an object that turns out to be locked when its manifest is gone is left to a later sweep", async () => {
  await using repository = await scratchRepository();
  const made = await addBackups(repository, 2);
  const data = made[0]!.manifest.objects[0]!.key;
  const rules = { last: 1 };
  const plan = await planPrune(repository, CLUSTER, { ...options, rules });
  const locked = locking(repository, (key) => (key === data ? 1 : undefined));
  assert.deepEqual((await runPrune(locked, plan, waiting)).removed, [made[0]!.name.id]);
  const swept = async (where: Repository) =>
    (
      await runPrune(
        where,
        await planPrune(where, CLUSTER, { ...options, rules, graceMs: 0 }),
        waiting,
      )
    ).swept;
  assert.deepEqual(await swept(locked), []);
  assert.deepEqual(await swept(repository), [data]);
});
