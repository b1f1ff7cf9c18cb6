import assert from "node:assert/strict";
import { test } from "node:test";
import { dyingStore } from "../../test/support/dying-store.ts";
import { faultyStore, recordingLog } from "../../test/support/faulty-store.ts";
import { sourceOf } from "../../test/support/inspected.ts";
import {
  ALICE,
  allKeys,
  CLUSTER,
  EPOCH,
  fails,
  requireConsistent,
  scratchRepository,
  trusting,
  waiting,
} from "../../test/support/repository.ts";
import { kubernetesSnapshot } from "../../test/support/small-snapshot.ts";
import { HoldfastError } from "../errors.ts";
import { silentLog } from "../io/log.ts";
import { NO_RECIPIENTS } from "../seal/recipients.ts";
import { StoreFailure } from "../store/failure.ts";
import { listBackups, loadBackup } from "./catalog.ts";
import { findOrphans } from "./orphans.ts";
import { publishSnapshot, type Origin, type PublishOptions } from "./publish-snapshot.ts";
import { initRepository, type Repository } from "./repository.ts";
import { requireSigned } from "./trust.ts";
import { verifyBackup } from "./verify.ts";

const SNAPSHOT = kubernetesSnapshot();
const ORIGIN: Origin = {
  lineage: 1,
  previous: null,
  imported: true,
  source: null,
  server: "",
  isConfirmed: false,
  durations: {},
};

function publish(repositories: readonly Repository[], more: Partial<PublishOptions> = {}) {
  return publishSnapshot(sourceOf(SNAPSHOT), repositories, {
    ...waiting,
    cluster: CLUSTER,
    timeMs: EPOCH,
    recipients: NO_RECIPIENTS,
    sign: ALICE.sign,
    tool: "test",
    required: repositories.length,
    requireTrailer: true,
    log: silentLog,
    progress: () => {},
    judge: () => ORIGIN,
    ...more,
  });
}

/** What is listed is signed and proven to the last key, and everything else is an orphan. */
async function requireSound(repository: Repository): Promise<number> {
  await requireConsistent(repository);
  const { backups } = await listBackups(repository, CLUSTER, waiting);
  const named: string[] = [];
  for (const name of backups) {
    const backup = await loadBackup(repository, name, waiting);
    requireSigned(backup, trusting(ALICE));
    const loaded = { name, backup, signer: undefined, problem: undefined };
    const verdict = await verifyBackup(repository, loaded, {
      ...waiting,
      depth: "contents",
      identities: undefined,
      sign: undefined,
      tool: "test",
      progress: () => {},
    });
    assert.deepEqual(verdict.faults, []);
    named.push(name.manifest.key, name.signature!.key);
    named.push(...backup.manifest.objects.map(({ key }) => key));
  }
  const { found } = await findOrphans(repository, CLUSTER, {
    ...waiting,
    graceMs: 0,
    known: new Map(),
    evidence: new Map(),
  });
  const all = [...named, ...found.map(({ key }) => key)];
  assert.deepEqual(all.toSorted(), (await allKeys(repository)).toSorted());
  return backups.length;
}

test("whoever is killed at any call to the store leaves a backup that is whole, or none", async () => {
  const outcomes = new Set<number>();
  for (let lastCall = 1, isOver = false; !isOver; lastCall++) {
    for (const isDone of [false, true]) {
      await using repository = await scratchRepository();
      const dying = dyingStore(repository.store, lastCall, isDone);
      const result = await publish([{ ...repository, store: dying.store }]).catch(() => undefined);
      isOver = !dying.isDead;
      const count = await requireSound(repository);
      assert.ok(result === undefined || count === 1, `told, but not there, at call ${lastCall}`);
      outcomes.add(count);
    }
  }
  assert.deepEqual([...outcomes].toSorted(), [0, 1]);
});

test("what its judge refuses is stored nowhere", async () => {
  await using one = await scratchRepository();
  await using two = await scratchRepository();
  const judge = (): never => {
    throw new HoldfastError("hash-contradicted", "the member says something else");
  };
  await assert.rejects(publish([one, two], { judge }), fails("hash-contradicted", /else/));
  assert.deepEqual([await allKeys(one), await allKeys(two)], [[], []]);
});

test("a source that breaks off leaves nothing", async () => {
  await using repository = await scratchRepository();
  const source = { read: () => Promise.reject(new Error("the connection broke")) };
  const options = { ...waiting, cluster: CLUSTER, timeMs: EPOCH, recipients: NO_RECIPIENTS };
  await assert.rejects(
    publishSnapshot(source, [repository], {
      ...options,
      sign: ALICE.sign,
      tool: "test",
      required: 1,
      requireTrailer: true,
      log: silentLog,
      progress: () => {},
      judge: () => ORIGIN,
    }),
    /the connection broke/,
  );
  assert.deepEqual(await allKeys(repository), []);
});

test("of two repositories one may fail at any call, where one is enough", async () => {
  const failure = new StoreFailure("store-full", "no room");
  for (const on of ["put", "stat"] as const) {
    for (let skipped = 0; skipped < 4; skipped++) {
      await using good = await scratchRepository();
      await using faulty = await faultyStore();
      const bad = await initRepository(faulty.store, waiting);
      const doomed = { ...bad, store: failingAt(faulty.store, on, skipped, failure) };
      const log = recordingLog();
      const { manifest, placements } = await publish([doomed, good], { required: 1, log });
      const isHit = placements[0]!.failure !== undefined;
      assert.equal(isHit, skipped < (on === "put" ? 4 : 2), `${on} ${skipped}`);
      assert.equal(placements[1]!.failure, undefined);
      assert.equal((await listBackups(good, CLUSTER, waiting)).backups[0]?.id, manifest.id);
      assert.deepEqual(await allKeys(bad), isHit ? [] : await allKeys(good));
      await requireSound(good);
    }
  }
});

function failingAt(
  store: Repository["store"],
  on: "put" | "stat",
  skipped: number,
  failure: Error,
): Repository["store"] {
  let calls = 0;
  const strike = (): void => {
    if (calls++ === skipped) throw failure;
  };
  return {
    ...store,
    async put(...args) {
      if (on === "put") strike();
      return store.put(...args);
    },
    async stat(...args) {
      if (on === "stat") strike();
      return store.stat(...args);
    },
  };
}

test("where too few remain, nothing is left in any of them", async () => {
  await using good = await scratchRepository();
  await using faulty = await faultyStore();
  const bad = await initRepository(faulty.store, waiting);
  faulty.inject({ on: "put", times: 9, error: new StoreFailure("store-full", "no room") });
  await assert.rejects(publish([good, bad]), fails("too-few-stores", /1 of 2 stores are left/));
  assert.deepEqual([await allKeys(good), await allKeys(bad)], [[], []]);
});
