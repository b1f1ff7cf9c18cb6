import assert from "node:assert/strict";
import { readFile, rm, truncate, writeFile } from "node:fs/promises";
import { test } from "node:test";
import {
  addBackup,
  addBackups,
  addRealBackup,
  ALICE,
  allKeys,
  CLUSTER,
  collect,
  MALLORY,
  makeBackup,
  prove,
  putBytes,
  requireConsistent,
  scratchRepository,
  trusting,
  waiting,
  type ScratchRepository,
} from "../../test/support/repository.ts";
import { copyBackups, missingBackups, type CopyOptions } from "./copy.ts";
import { manifestKey, signatureKey } from "./layout.ts";
import type { Repository } from "./repository.ts";

async function copy(source: Repository, target: Repository, more: Partial<CopyOptions> = {}) {
  const missing = await missingBackups(source, target, CLUSTER, waiting);
  const options = { ...waiting, trust: undefined, progress: () => {}, ...more };
  return collect(copyBackups(source, target, missing, options));
}

async function contents(repository: ScratchRepository): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const key of await allKeys(repository))
    files[key] = await readFile(repository.file(key), "base64");
  return files;
}

test("copies are the same byte for byte, with everything that a manifest names and nothing else", async () => {
  await using source = await scratchRepository();
  await using target = await scratchRepository();
  await addBackups(source, 3);
  await addRealBackup(source, { lineage: 2, report: "{}" });
  const unsigned = await addBackup(source, { lineage: 3, signedBy: null });
  const before = await contents(source);
  await prove(source, unsigned, "contents");
  let bytes = 0;
  const copied = await copy(source, target, { progress: (all) => (bytes = all) });
  assert.equal(copied.length, 5);
  assert.ok(copied.every(({ problem }) => problem === undefined));
  assert.equal(copied.at(-1)!.id, unsigned.name.id, "the oldest first");
  assert.equal(
    bytes,
    copied.reduce((sum, one) => sum + one.bytes, 0),
  );
  assert.deepEqual(await contents(target), before);
  assert.deepEqual(await copy(source, target), []);
});

test("what is missing is caught up, a snapshot that got lost too", async () => {
  await using source = await scratchRepository();
  await using target = await scratchRepository();
  const [first, second] = await addBackups(source, 2);
  await copy(source, target);
  await rm(target.file(first!.manifest.objects[0]!.key));
  const third = await addBackup(source, { revision: 900n });
  const copied = await copy(source, target);
  assert.deepEqual(
    copied.map(({ id }) => id),
    [first!.name.id, third.name.id],
  );
  await requireConsistent(target);
  assert.ok((await allKeys(target)).includes(manifestKey(second!.name)));
});

test("a lost signature is caught up, and a snapshot that is cut short in the target is named", async () => {
  await using source = await scratchRepository();
  await using target = await scratchRepository();
  const [unsigned, short, shortInSource] = await addBackups(source, 3);
  await copy(source, target);
  await rm(target.file(signatureKey(manifestKey(unsigned!.name))));
  const { key } = short!.manifest.objects[0]!;
  await truncate(target.file(key), 5);
  await truncate(source.file(shortInSource!.manifest.objects[0]!.key), 5);
  const [first, second, ...others] = await copy(source, target);
  assert.deepEqual(others, []);
  assert.deepEqual([first!.id, first!.problem], [unsigned!.name.id, undefined]);
  assert.equal(second!.id, short!.name.id);
  assert.equal(second!.problem!.code, "backup-damaged");
  assert.match(second!.problem!.hint!, new RegExp(`move "${key}" away there`));
  await rm(target.file(key));
  assert.deepEqual(
    (await copy(source, target)).map(({ id, problem }) => [id, problem]),
    [[short!.name.id, undefined]],
  );
  await requireConsistent(target);
});

test("a copy that was interrupted goes on, also where the snapshot is there already", async () => {
  await using source = await scratchRepository();
  await using target = await scratchRepository();
  const made = await addBackup(source);
  await putBytes(target, made.manifest.objects[0]!.key, made.data);
  await putBytes(target, signatureKey(manifestKey(made.name)), made.signature!);
  assert.deepEqual(
    (await copy(source, target)).map(({ problem }) => problem),
    [undefined],
  );
  assert.deepEqual(await contents(target), await contents(source));
});

test("a damaged backup is not copied, is named, and keeps nothing from the others", async () => {
  await using source = await scratchRepository();
  await using target = await scratchRepository();
  const [flipped, short, garbled, good] = await addBackups(source, 4);
  const at = (made: typeof good) => source.file(made!.manifest.objects[0]!.key);
  await writeFile(at(flipped), Buffer.from(flipped!.data).fill(0, 3, 4));
  await truncate(at(short), 5);
  await writeFile(source.file(manifestKey(garbled!.name)), "{}");
  const copied = await copy(source, target);
  assert.deepEqual(
    copied.map(({ id, problem }) => [id, problem?.code]),
    [
      [flipped!.name.id, "backup-damaged"],
      [short!.name.id, "backup-damaged"],
      [garbled!.name.id, "document-invalid"],
      [good!.name.id, undefined],
    ],
  );
  assert.deepEqual(
    (await allKeys(target)).toSorted(),
    (await allKeys(target)).filter((key) => key.includes(good!.name.random)),
  );
  await requireConsistent(target);
});

test("with allowed signers only what they signed is copied", async () => {
  await using source = await scratchRepository();
  await using target = await scratchRepository();
  await addBackup(source, { revision: 1n, signedBy: MALLORY });
  await addBackup(source, { revision: 2n, signedBy: null });
  await addBackup(source, { revision: 3n });
  const copied = await copy(source, target, { trust: trusting(ALICE) });
  assert.deepEqual(
    copied.map(({ problem }) => problem?.code),
    ["signer-unknown", "signature-missing", undefined],
  );
  assert.equal((await allKeys(target)).length, 3);
});

test("nothing in the target is overwritten", async () => {
  await using source = await scratchRepository();
  await using target = await scratchRepository();
  const made = await addBackup(source);
  const other = await makeBackup();
  const key = made.manifest.objects[0]!.key;
  await putBytes(target, key, other.data);
  const damaged = await copy(source, target);
  assert.deepEqual(
    damaged.map(({ problem }) => problem?.code),
    ["backup-damaged"],
  );
  assert.deepEqual(await readFile(target.file(key)), Buffer.from(other.data));
  await rm(target.file(key));
  await putBytes(target, signatureKey(manifestKey(made.name)), "of somebody");
  const taken = await copy(source, target);
  assert.deepEqual(
    taken.map(({ problem }) => problem?.code),
    ["object-exists"],
  );
  assert.equal((await allKeys(target)).includes(manifestKey(made.name)), false);
});

test("a copy that is aborted leaves no half backup", async () => {
  await using source = await scratchRepository();
  await using target = await scratchRepository();
  await addBackups(source, 2);
  const stop = new AbortController();
  const progress = (): void => stop.abort(new Error("enough"));
  await assert.rejects(copy(source, target, { progress, signal: stop.signal }), /enough/);
  await requireConsistent(target);
  await copy(source, target);
  assert.deepEqual(await contents(target), await contents(source));
});
