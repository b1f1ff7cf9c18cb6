import assert from "node:assert/strict";
import { test } from "node:test";
import { body, digest, pattern } from "../../test/support/body.ts";
import { recordingLog } from "../../test/support/faulty-store.ts";
import { scratch } from "../../test/support/scratch.ts";
import { fails, keys, put, waiting } from "../../test/support/store-subject.ts";
import { openStore } from "./open.ts";

test("a URL and a bare path lead to the same store", async () => {
  await using folder = await scratch();
  const log = recordingLog();
  await using one = await openStore(folder.file("a b"), { env: {}, log });
  await using other = await openStore(`file://${folder.path}/a%20b`, { env: {}, log });
  await put(one, "x/y", 100_000);
  assert.deepEqual(await digest(other.get("x/y", waiting)), pattern("x/y", 100_000));
  assert.deepEqual([one.url, other.url], [folder.file("a b"), `file://${folder.path}/a%20b`]);
});

test("the marker is asked for", async () => {
  await using folder = await scratch();
  const options = { env: {}, log: recordingLog(), marker: "holdfast.json" };
  await using store = await openStore(folder.path, options);
  await fails("store-not-there", keys(store));
});

test("every call is a line for --debug, failures too", async () => {
  await using folder = await scratch();
  const log = recordingLog();
  await using store = await openStore(folder.path, { env: {}, log });
  await store.put("a", body("a", 7), waiting);
  await digest(store.get("a", { offset: 2, ...waiting }));
  await keys(store);
  await store.stat("a", waiting);
  await store.delete("a", waiting);
  await store.sweep(0, waiting);
  await store.capabilities(waiting);
  await fails("object-missing", digest(store.get("a", waiting)));
  assert.deepEqual(
    log.lines.map((line) => /^debug ([^{]*) /.exec(line)?.[1]),
    [
      'put "a"',
      'get "a"',
      'list ""',
      'stat "a"',
      'delete "a"',
      "sweep",
      "ask for capabilities",
      'get "a"',
    ],
  );
  assert.match(log.lines[0]!, /"bytes":7/);
  assert.match(log.lines[1]!, /"bytes":5/);
  assert.match(log.lines.at(-1)!, /"failure":"cannot read \\"a\\": there is none"/);
});
