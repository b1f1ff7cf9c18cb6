import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { HoldfastError, type ErrorCode } from "../errors.ts";
import { silentLog } from "../io/log.ts";
import { openStore } from "../store/open.ts";
import { openFolder, scratchRepository, waiting } from "../../test/support/repository.ts";
import { scratch } from "../../test/support/scratch.ts";
import { initRepository } from "./repository.ts";

const fails =
  (code: ErrorCode, hint = /./) =>
  (error: unknown) =>
    error instanceof HoldfastError && error.code === code && hint.test(error.hint ?? "no hint");

test("a repository is made once, and opened with the id that it got", async () => {
  await using repository = await scratchRepository();
  await using again = await openFolder(repository.path);
  assert.match(repository.id, /^[0-9a-f]{32}$/);
  assert.equal(again.id, repository.id);
  const before = await readFile(repository.file("holdfast.json"));
  await assert.rejects(initRepository(repository.store, waiting), fails("repository-exists"));
  assert.deepEqual(await readFile(repository.file("holdfast.json")), before);
});

test("of several who make one at the same time, one does", async () => {
  await using folder = await scratch();
  const stores = await Promise.all(
    Array.from({ length: 8 }, () => openStore(folder.file("r"), { env: {}, log: silentLog })),
  );
  const results = await Promise.allSettled(stores.map((store) => initRepository(store, waiting)));
  const made = results.flatMap((result) =>
    result.status === "fulfilled" ? [result.value.id] : [],
  );
  assert.equal(made.length, 1);
  for (const result of results)
    if (result.status === "rejected") assert.ok(fails("repository-exists")(result.reason));
  await using opened = await openFolder(folder.file("r"));
  assert.equal(opened.id, made[0]);
});

test("an empty folder may be a disk that is not mounted, and is no repository", async () => {
  await using folder = await scratch();
  await assert.rejects(openFolder(folder.path), fails("store-not-there", /mounted/));
  await assert.rejects(openFolder(folder.file("missing")), fails("store-not-there", /mounted/));
});

const MARKERS: [what: string, text: string, code: ErrorCode][] = [
  ["a newer version", '{"version": 2, "kind": "holdfast-repository"}', "format-newer"],
  ["another document", '{"version": 1, "kind": "holdfast-pin"}', "document-invalid"],
  ["no JSON", "hello", "document-invalid"],
  ["nothing", "", "document-invalid"],
  ["a very long one", `{"version": 1, "x": "${"y".repeat(70_000)}"}`, "document-invalid"],
];

for (const [what, text, code] of MARKERS)
  test(`a marker that is ${what} is refused`, async () => {
    await using repository = await scratchRepository();
    await writeFile(repository.file("holdfast.json"), text);
    await assert.rejects(openFolder(repository.path), fails(code));
  });
