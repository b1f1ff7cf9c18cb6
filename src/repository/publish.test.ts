import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import {
  addBackup,
  allKeys,
  fails,
  makeBackup,
  putBytes,
  scratchRepository,
  waiting,
} from "../../test/support/repository.ts";
import { manifestKey, signatureKey } from "./layout.ts";
import { publish } from "./publish.ts";
import type { Repository } from "./repository.ts";

test("nothing is published whose objects are not there as the manifest says", async () => {
  await using repository = await scratchRepository();
  const made = await makeBackup();
  const { key } = made.manifest.objects[0]!;
  await assert.rejects(publish(repository, made, waiting), fails("object-missing", /is not there/));
  await putBytes(repository, key, "too short");
  await assert.rejects(
    publish(repository, made, waiting),
    fails("object-missing", /has 9 bytes, not/),
  );
  assert.deepEqual(await allKeys(repository), [key]);
});

test("bytes that are not the manifest's own, or cannot be read back, are not published", async () => {
  await using repository = await scratchRepository();
  const made = await makeBackup();
  const other = await makeBackup({ revision: 9n });
  await putBytes(repository, made.manifest.objects[0]!.key, made.data);
  for (const bytes of [other.bytes, made.bytes.subarray(1), new Uint8Array(0)])
    await assert.rejects(
      publish(repository, { ...made, bytes }, waiting),
      fails("document-invalid", /the manifest of/),
    );
});

test("a manifest is published last, and never over another", async () => {
  await using repository = await scratchRepository();
  const order: string[] = [];
  const watched: Repository = {
    ...repository,
    store: {
      ...repository.store,
      put: (key, body, options) => {
        order.push(key);
        assert.equal(options.ifAbsent, true);
        return repository.store.put(key, body, options);
      },
    },
  };
  const made = await makeBackup();
  const key = manifestKey(made.name);
  await putBytes(repository, made.manifest.objects[0]!.key, made.data);
  await publish(watched, made, waiting);
  assert.deepEqual(order, [signatureKey(key), key]);
  const before = await readFile(repository.file(key));
  const text = Buffer.from(made.bytes).toString();
  const other = Buffer.from(text.replace("holdfast test", "holdfast best"));
  await assert.rejects(
    publish(repository, { ...made, bytes: other }, waiting),
    fails("object-exists", /./),
  );
  assert.deepEqual(await readFile(repository.file(key)), before);
});

test("publishing once more what is there already is no error: the answer may have been lost", async () => {
  await using repository = await scratchRepository();
  const made = await addBackup(repository);
  const before = await allKeys(repository);
  await publish(repository, made, waiting);
  assert.deepEqual(await allKeys(repository), before);
});

test("a backup that nobody signs is published without a signature", async () => {
  await using repository = await scratchRepository();
  const made = await addBackup(repository, { signedBy: null });
  assert.deepEqual(
    await allKeys(repository),
    [made.manifest.objects[0]!.key, manifestKey(made.name)].toSorted(),
  );
});
