import assert from "node:assert/strict";
import { copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { HoldfastError, type ErrorCode } from "../errors.ts";
import {
  addBackup,
  addBackups,
  ALICE,
  CLUSTER,
  collect,
  EPOCH,
  HOUR,
  makeBackup,
  MALLORY,
  putBytes,
  scratchRepository,
  trusting,
  waiting,
} from "../../test/support/repository.ts";
import { openObjectCache } from "./cache.ts";
import {
  gapsOf,
  listBackups,
  loadBackup,
  loadBackups,
  newestBackup,
  vanishedNewest,
  type Loaded,
} from "./catalog.ts";
import { backupName, manifestKey, signatureKey } from "./layout.ts";
import type { Repository } from "./repository.ts";
import { findBackup, findById } from "./target.ts";

const trust = trusting(ALICE);

async function loadAll(repository: Repository, more = {}): Promise<Loaded[]> {
  const { backups } = await listBackups(repository, CLUSTER, waiting);
  return collect(loadBackups(repository, backups, { ...waiting, ...more }));
}

test("backups are listed newest first: by lineage, by revision, and by time only between equals", async () => {
  await using repository = await scratchRepository();
  const made = [
    { lineage: 2, revision: 5n, time: EPOCH + HOUR },
    { lineage: 2, revision: 4n, time: EPOCH + 9 * HOUR },
    { lineage: 1, revision: 900n, time: EPOCH + 3 * HOUR },
    { lineage: 1, revision: 900n, time: EPOCH + 2 * HOUR },
    { lineage: 1, revision: 10n, time: EPOCH + 99 * HOUR },
  ];
  for (const options of made.toReversed()) await addBackup(repository, options);
  const { backups } = await listBackups(repository, CLUSTER, waiting);
  assert.deepEqual(
    backups.map(({ lineage, revision, time }) => ({ lineage, revision, time })),
    made,
  );
});

test("a listing has sizes and signatures, and knows what is not of the layout", async () => {
  await using repository = await scratchRepository();
  const signed = await addBackup(repository);
  const unsigned = await addBackup(repository, { revision: 9n, signedBy: null });
  await writeFile(repository.file(`${CLUSTER}/backups/README.txt`), "hello");
  await addBackup(repository, { cluster: "another" });
  const { backups, strangers } = await listBackups(repository, CLUSTER, waiting);
  assert.equal(strangers, 1);
  assert.deepEqual(
    backups.map(({ id, signature, data, manifest }) => [
      id,
      signature !== undefined,
      data?.size,
      manifest.size,
    ]),
    [
      [unsigned.name.id, false, unsigned.data.length, unsigned.bytes.length],
      [signed.name.id, true, signed.data.length, signed.bytes.length],
    ],
  );
  const loaded = await loadBackup(repository, backups[1]!, waiting);
  assert.deepEqual(loaded.manifest, signed.manifest);
  assert.equal(loaded.sha256, signed.sha256);
});

test("an empty repository has no backups, and none can be found in it", async () => {
  await using repository = await scratchRepository();
  const listing = await listBackups(repository, CLUSTER, waiting);
  assert.deepEqual(listing.backups, []);
  assert.throws(() => findBackup(listing, "latest"), /there is no backup of the cluster "prod"/);
});

test("who signed a backup, and why another does not count", async () => {
  await using repository = await scratchRepository();
  const good = await addBackup(repository, { revision: 1n });
  await addBackup(repository, { revision: 2n, signedBy: null });
  await addBackup(repository, { revision: 3n, signedBy: MALLORY });
  const forged = await makeBackup({ revision: 4n });
  const key = manifestKey(forged.name);
  await putBytes(repository, signatureKey(key), good.signature!);
  await putBytes(repository, key, forged.bytes);
  const moved = backupName({ ...good.name, revision: 5n, lineage: 2 });
  await copyFile(repository.file(manifestKey(good.name)), repository.file(manifestKey(moved)));
  await putBytes(repository, manifestKey(backupName({ ...good.name, revision: 6n })), "{");
  const seen = (await loadAll(repository, { trust })).map(({ name, signer: who, problem }) => [
    Number(name.revision),
    who ?? problem?.code,
  ]);
  assert.deepEqual(seen, [
    [5, "document-invalid"],
    [6, "document-invalid"],
    [4, "signature-invalid"],
    [3, "signer-unknown"],
    [2, "signature-missing"],
    [1, "alice"],
  ]);
});

test("what comes before the next backup is the newest that counts, and what was passed over is told", async () => {
  await using repository = await scratchRepository();
  const good = await addBackup(repository, { revision: 50n });
  await addBackup(repository, {
    revision: 900n,
    lineage: 999_999_999,
    signedBy: MALLORY,
  });
  const listing = await listBackups(repository, CLUSTER, waiting);
  const trusted = await newestBackup(repository, listing, { ...waiting, trust });
  assert.equal(trusted.backup?.name.id, good.name.id);
  assert.deepEqual(
    trusted.passedOver.map(({ problem }) => problem?.code),
    ["signer-unknown"],
  );
  const anybody = await newestBackup(repository, listing, waiting);
  assert.equal(anybody.backup?.name.lineage, 999_999_999);
});

test("a break in the chain of backups is found, and told from one that was changed", async () => {
  await using repository = await scratchRepository();
  const [first, second, third, fourth] = await addBackups(repository, 4);
  const load = async () => (await loadAll(repository)).flatMap(({ backup }) => backup ?? []);
  assert.deepEqual(gapsOf(await load()), []);
  await rm(repository.file(manifestKey(second!.name)));
  assert.deepEqual(gapsOf(await load()), [
    { id: third!.name.id, previous: second!.name.id, state: "missing" },
  ]);
  const rewritten = `${Buffer.from(third!.bytes).toString()}\n`;
  await writeFile(repository.file(manifestKey(third!.name)), rewritten);
  assert.deepEqual(gapsOf(await load()), [
    { id: fourth!.name.id, previous: third!.name.id, state: "changed" },
    { id: third!.name.id, previous: second!.name.id, state: "missing" },
  ]);
  assert.equal(first!.manifest.previous, null);
});

test("targets: the latest, an ID, enough of one, and a time", async () => {
  await using repository = await scratchRepository();
  const [a, b, c] = await addBackups(repository, 3);
  const listing = await listBackups(repository, CLUSTER, waiting);
  const found = (target: string) => findBackup(listing, target).id;
  assert.equal(found("latest"), c!.name.id);
  assert.equal(found(b!.name.id), b!.name.id);
  assert.equal(found(b!.name.id.slice(0, 20)), b!.name.id);
  assert.equal(found("20261124T080000Z"), b!.name.id);
  assert.equal(found("2026-11-24T08:30:00Z"), b!.name.id);
  assert.equal(found("2026-11-24T08:30"), b!.name.id);
  assert.equal(found("2026-11-24 07:59:59.999"), a!.name.id);
  assert.equal(found("2026-11-24T10:00:00+01:30"), b!.name.id);
  assert.equal(found("2026-11-25"), c!.name.id);
  for (const [target, message] of [
    ["2026-11-24", /no backup was begun at or before 2026-11-24T00:00:00Z/],
    ["20261124", /3 backups' IDs begin with/],
    ["2026112", /3 backups' IDs begin with/],
    ["", /no backup's ID begins with ""/],
    ["2026-02-30", /no backup's ID/],
    ["../../etc/passwd", /no backup's ID/],
    ["newest", /no backup's ID/],
  ] as const)
    assert.throws(
      () => findBackup(listing, target),
      (error) =>
        error instanceof HoldfastError &&
        error.code === "backup-unknown" &&
        message.test(error.message),
      target,
    );
  assert.throws(() => findById(listing, "latest"), /no backup's ID/);
});

test("a time finds the newest by order among those that had begun, whatever their clocks say", async () => {
  await using repository = await scratchRepository();
  await addBackup(repository, { revision: 10n, time: EPOCH + 5 * HOUR });
  const higher = await addBackup(repository, { revision: 20n, time: EPOCH });
  const listing = await listBackups(repository, CLUSTER, waiting);
  assert.equal(findBackup(listing, "2026-11-25").id, higher.name.id);
});

test("manifests come from the cache, but only those that the store lists, with their sizes", async () => {
  await using repository = await scratchRepository();
  const [first, second] = await addBackups(repository, 2);
  const cache = openObjectCache(repository.file("../cache"), repository.store.url);
  const read = async () =>
    (await loadAll(repository, { cache, trust })).map(
      ({ signer: who, problem }) => who ?? problem?.code,
    );
  assert.deepEqual(await read(), ["alice", "alice"]);
  const key = manifestKey(second!.name);
  const same = Buffer.from(second!.bytes).fill("x");
  await writeFile(repository.file(key), same);
  assert.deepEqual(await read(), ["alice", "alice"], "of one size: the cache is asked");
  await writeFile(repository.file(key), Buffer.concat([same, same]));
  assert.deepEqual(await read(), ["document-invalid", "alice"]);
  await rm(repository.file(manifestKey(first!.name)));
  assert.deepEqual(await read(), ["document-invalid"]);
});

test("a cache that cannot be written, or holds rubbish, changes nothing", async () => {
  await using repository = await scratchRepository();
  const [made] = await addBackups(repository, 1);
  await writeFile(repository.file("../file"), "no folder");
  const cache = openObjectCache(repository.file("../file"), repository.store.url);
  assert.equal((await loadAll(repository, { cache })).length, 1);
  const other = openObjectCache(repository.file("../cache"), repository.store.url);
  await mkdir(`${other.directory}/${CLUSTER}/backups`, { recursive: true });
  await writeFile(`${other.directory}/${manifestKey(made!.name)}`, "rubbish");
  assert.deepEqual(
    (await loadAll(repository, { cache: other }))[0]?.backup?.manifest,
    made!.manifest,
  );
});

test("the cache takes no key that is not of the layout", async () => {
  await using repository = await scratchRepository();
  const cache = openObjectCache(repository.file("../cache"), repository.store.url);
  for (const key of ["../../escaped", "prod/../../x", "/etc/passwd", "prod/backups/x"]) {
    await cache.put(key, new Uint8Array(1));
    assert.equal(cache.get(key, 1), undefined);
    cache.forget(key);
  }
});

test("that the newest ones were taken away is seen from where they were seen", async () => {
  await using repository = await scratchRepository();
  const made = await addBackups(repository, 4);
  const cache = openObjectCache(repository.file("../cache"), repository.store.url);
  await loadAll(repository, { cache });
  const vanished = async () =>
    vanishedNewest(await listBackups(repository, CLUSTER, waiting), cache).map(({ id }) => id);
  assert.deepEqual(await vanished(), []);
  await rm(repository.file(manifestKey(made[0]!.name)));
  assert.deepEqual(await vanished(), [], "the oldest was pruned");
  await rm(repository.file(manifestKey(made[3]!.name)));
  assert.deepEqual(await vanished(), [made[3]!.name.id]);
  assert.deepEqual(await vanished(), [made[3]!.name.id], "and stays seen");
  assert.equal(cache.seen(CLUSTER).length, 3, "what was pruned is forgotten");
  await rm(repository.file(CLUSTER), { recursive: true });
  assert.equal((await vanished()).length, 3);
});

test("10 000 backups are listed by their names", async () => {
  await using repository = await scratchRepository();
  const folder = repository.file(`${CLUSTER}/backups`);
  await mkdir(folder, { recursive: true });
  for (let at = 0; at < 10_000; at++) {
    const name = backupName({
      cluster: CLUSTER,
      time: EPOCH + at * 1000,
      lineage: 1,
      revision: BigInt(at + 1),
      random: at.toString(16).padStart(16, "0"),
    });
    await writeFile(`${folder}/${name.id}.json`, "");
  }
  const { backups } = await listBackups(repository, CLUSTER, waiting);
  assert.equal(backups.length, 10_000);
  assert.equal(backups[0]!.revision, 10_000n);
  assert.equal(backups.at(-1)!.revision, 1n);
});

test("loading stops when it is aborted, and does not take that for a problem of a backup", async () => {
  await using repository = await scratchRepository();
  await addBackups(repository, 3);
  const { backups } = await listBackups(repository, CLUSTER, waiting);
  const reason = new Error("enough");
  await assert.rejects(
    collect(loadBackups(repository, backups, { signal: AbortSignal.abort(reason) })),
    reason,
  );
});

const LONG: [what: string, key: (id: string) => string, size: number, code: ErrorCode][] = [
  ["manifest", (key) => key, 70_000, "document-invalid"],
  ["signature", signatureKey, 5000, "document-invalid"],
];

for (const [what, at, size, code] of LONG)
  test(`a ${what} of ${size} bytes is not even read`, async () => {
    await using repository = await scratchRepository();
    const made = await addBackup(repository);
    await writeFile(repository.file(at(manifestKey(made.name))), Buffer.alloc(size, " "));
    assert.deepEqual(
      (await loadAll(repository, { trust })).map(({ problem }) => problem?.code),
      [code],
    );
  });
