import assert from "node:assert/strict";
import { rm, truncate } from "node:fs/promises";
import { test } from "node:test";
import { recordingLog } from "../../test/support/faulty-store.ts";
import {
  addBackup,
  ALICE,
  CLUSTER,
  EPOCH,
  HOUR,
  MALLORY,
  putBytes,
  scratchRepository,
  trusting,
  waiting,
  withRefused,
  type ScratchRepository,
} from "../../test/support/repository.ts";
import type { HoldfastError } from "../errors.ts";
import { silentLog } from "../io/log.ts";
import { listBackups } from "../repository/catalog.ts";
import { manifestKey, signatureKey } from "../repository/layout.ts";
import { publish } from "../repository/publish.ts";
import { findBackupToOpen } from "./find-backup.ts";
import { seenRevisions } from "./seen-revisions.ts";

const options = { ...waiting, trust: trusting(ALICE), log: silentLog };

async function copyInto(
  repository: ScratchRepository,
  made: Awaited<ReturnType<typeof addBackup>>,
) {
  await putBytes(repository, made.manifest.objects[0]!.key, made.data);
  await publish(repository, made, waiting);
}

test("of several repositories the one with the newest is taken, whatever the order", async () => {
  await using stale = await scratchRepository();
  await using fresh = await scratchRepository();
  const old = await addBackup(stale, { revision: 7n });
  await copyInto(fresh, old);
  const newest = await addBackup(fresh, { revision: 9n, time: EPOCH + HOUR });
  for (const repositories of [
    [stale, fresh],
    [fresh, stale],
  ]) {
    const found = await findBackupToOpen(repositories, CLUSTER, "latest", options);
    assert.deepEqual([found.backup.manifest.id, found.signer], [newest.name.id, "alice"]);
    assert.equal(found.repository, fresh);
  }
});

test("a copy that is good stands in for one that is not, loudly; another backup never does", async () => {
  await using one = await scratchRepository();
  await using two = await scratchRepository();
  const old = await addBackup(one, { revision: 7n });
  const newest = await addBackup(one, { revision: 9n });
  await copyInto(two, newest);
  await rm(one.file(signatureKey(manifestKey(newest.name))));
  const log = recordingLog();
  const found = await findBackupToOpen([one, two], CLUSTER, "latest", { ...options, log });
  assert.equal(found.repository, two);
  assert.match(log.lines.join(), /warn in .*: the backup .* is not signed/);
  await rm(two.file(signatureKey(manifestKey(newest.name))));
  await assert.rejects(
    findBackupToOpen([one, two], CLUSTER, "latest", options),
    (error: HoldfastError) =>
      error.code === "signature-missing" &&
      error.message.startsWith(`${newest.name.id} is not used`) &&
      error.hint!.endsWith(`the one before it is ${old.name.id}`),
  );
});

test("a copy whose snapshot is lost or cut short is passed over as well", async () => {
  for (const harm of [(path: string) => rm(path), (path: string) => truncate(path, 3)]) {
    await using one = await scratchRepository();
    await using two = await scratchRepository();
    const old = await addBackup(one, { revision: 7n });
    const newest = await addBackup(one, { revision: 9n });
    await copyInto(two, newest);
    await harm(one.file(newest.manifest.objects[0]!.key));
    const found = await findBackupToOpen([one, two], CLUSTER, "latest", options);
    assert.equal(found.repository, two);
    await assert.rejects(
      findBackupToOpen([one], CLUSTER, "latest", options),
      (error: HoldfastError) =>
        error.code === "backup-damaged" &&
        error.message.startsWith(`${newest.name.id} is not used: its snapshot`) &&
        error.hint!.endsWith(`the one before it is ${old.name.id}`),
    );
  }
});

test("a store that does not give the manifest away is passed over for the next one", async () => {
  await using one = await scratchRepository();
  await using two = await scratchRepository();
  const newest = await addBackup(one, { revision: 9n });
  await copyInto(two, newest);
  const refusing = withRefused(one, manifestKey(newest.name));
  const found = await findBackupToOpen([refusing, two], CLUSTER, "latest", options);
  assert.equal(found.repository, two);
  await assert.rejects(findBackupToOpen([refusing], CLUSTER, "latest", options), {
    code: "store-refused",
    message: "no",
  });
});

test("what clients may have seen: the highest of every lineage that counts, and the highest rate", async () => {
  await using repository = await scratchRepository();
  for (const [lineage, revision, hour] of [
    [1, 100n, 0],
    [1, 9000n, 1],
    [2, 200n, 2],
    [2, 7400n, 4],
    [2, 7500n, 6],
  ] as const)
    await addBackup(repository, { lineage, revision, time: EPOCH + hour * HOUR });
  // seconds apart, as after a retry: what their clocks say is no rate
  await addBackup(repository, { lineage: 2, revision: 7600n, time: EPOCH + 6 * HOUR + 1000 });
  await addBackup(repository, { lineage: 3, revision: 1n << 50n, signedBy: MALLORY });
  const listing = await listBackups(repository, CLUSTER, waiting);
  const seen = await seenRevisions(repository, listing, options);
  assert.deepEqual(seen, {
    highest: 9000n,
    timeMs: EPOCH + 6 * HOUR + 1000,
    ratePerSecond: 1,
  });
  const highest = listing.backups.find(({ revision }) => revision === 9000n)!;
  const log = recordingLog();
  const refusing = withRefused(repository, highest.manifest.key);
  const without = await seenRevisions(refusing, listing, { ...options, log });
  assert.equal(without?.highest, 7600n);
  assert.match(log.lines.join(), new RegExp(`warn ${highest.id} is left out of .*: no`));
});
