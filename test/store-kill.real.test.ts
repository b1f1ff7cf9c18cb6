/** A process that is killed while it writes leaves whole objects, and what `sweep` finds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { start } from "./support/program.ts";
import { pattern } from "./support/body.ts";
import { folderSubject } from "./support/folder-store.ts";
import { random } from "./support/random.ts";
import { scratch } from "./support/scratch.ts";
import { keys, read, waiting } from "./support/store-subject.ts";

const WRITER = fileURLToPath(new URL("support/endless-writer.ts", import.meta.url));
const KILLS = 15;
const SEED = Number(process.env["SEED"] ?? 20261124);

test(`of ${KILLS} writers that are killed at any instant no half object is seen`, async () => {
  const chance = random(SEED);
  await using folder = await scratch();
  await using subject = await folderSubject(folder.file("store"), async () => {});
  const { store } = subject;
  let leftovers = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const writer = start(process.execPath, [WRITER, folder.file("store"), `w${kill}`]);
    await writer.wrote(/\n/);
    await new Promise((resolve) => setTimeout(resolve, chance.between(0, 40)));
    writer.kill("SIGKILL");
    await writer.finished;
    leftovers += (await subject.leftovers()).length;
    for (const key of await keys(store, `w${kill}/`)) {
      const size = Number(key.split("/")[1]!.split("-")[1]);
      assert.deepEqual(await read(store, key), pattern(key, size), `${key}, seed ${SEED}`);
    }
    await store.sweep(0, waiting);
    assert.deepEqual(await subject.leftovers(), [], `seed ${SEED}`);
  }
  assert.ok(leftovers > 0, `no writer was killed in the middle, seed ${SEED}`);
});
