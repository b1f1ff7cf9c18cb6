/** A file that was edited after its bytes were inspected: the same report as of a stranger, and no byte of it unseen. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { backendOf, leaseRecord, snapshotOf } from "../../test/support/backend.ts";
import { applied, readAtOf, rows } from "../../test/support/database.ts";
import { inspected, sourceOf } from "../../test/support/inspected.ts";
import { random } from "../../test/support/random.ts";
import { emptyStore } from "../../test/support/store.ts";
import { HoldfastError } from "../errors.ts";
import { type Edits, patchDatabase } from "../format/bbolt/patch.ts";
import { textBytes } from "../format/bytes.ts";
import { encodeRevision } from "../format/mvcc/revision.ts";
import { scanStream } from "./inspect.ts";
import { readBackEdited } from "./read-back.ts";
import type { Inspection } from "./report.ts";

const SEED = Number(process.env["SEED"] ?? 7);
const signal = new AbortController().signal;

/** A snapshot of some hundred pages of `pageSize` bytes, and its database. */
function sample(seed: number, pageSize: number): { snapshot: Uint8Array; database: Uint8Array } {
  const chance = random(seed);
  const store = emptyStore();
  for (let i = 0; i < 700; i++) {
    const key = `/registry/pods/default/web-${chance.between(0, 99)}`;
    if (chance.between(0, 9) === 0) store.remove(key);
    else store.put(key, chance.bytes(chance.between(0, 900)), i % 50 === 0 ? 77n : 0n);
  }
  store.put("long", chance.bytes(3 * pageSize)).compact(BigInt(chance.between(1, 300)));
  const snapshot = snapshotOf(backendOf(store, { lease: [leaseRecord(77n)] }), { pageSize });
  return { snapshot, database: snapshot.subarray(0, snapshot.length - 32) };
}

/** What a restore changes: small buckets, and a row far above the others. */
const EDITS: Edits = {
  replace: new Map([
    ["members", rows(3, 16, 120)],
    ["members_removed", []],
    [
      "meta",
      [
        { key: textBytes("consistent_index"), value: new Uint8Array(8) },
        {
          key: textBytes("scheduledCompactRev"),
          value: encodeRevision({ main: 5n << 32n, sub: 0n }),
        },
      ],
    ],
  ]),
  append: new Map([
    ["key", [{ key: encodeRevision({ main: 5n << 32n, sub: 0n }), value: new Uint8Array(0) }]],
  ]),
};

function edited(database: Uint8Array, edits: Edits): Uint8Array {
  const { writes, size } = patchDatabase(readAtOf(database), database.length, edits);
  return applied(database, writes, size);
}

async function readBack(snapshot: Uint8Array, file: Uint8Array): Promise<Inspection> {
  const { scan } = await scanStream(sourceOf(snapshot), {});
  return await readBackEdited(
    scan!,
    sourceOf(file, () => 9001),
    signal,
  );
}

for (const pageSize of [4096, 16_384, 65_536])
  test(`the report is that of the file as a stranger reads it (${pageSize}, seed ${SEED})`, async () => {
    for (const [at, edits] of [EDITS, { replace: EDITS.replace }].entries()) {
      const { snapshot, database } = sample(SEED + at, pageSize);
      const file = edited(database, edits);
      const wanted = await inspected(file, { withoutDigest: true });
      const found = await readBack(snapshot, file);
      assert.deepEqual(found.report, wanted.report);
      assert.deepEqual(found.hashKV(), wanted.hashKV());
      assert.equal(found.report.findings.filter(({ severity }) => severity === "error").length, 0);
    }
  });

test(`no flipped bit passes: not in what was inspected before, not in what was added (seed ${SEED})`, async () => {
  const { snapshot, database } = sample(SEED, 4096);
  const file = edited(database, EDITS);
  const sound = await readBack(snapshot, file);
  const chance = random(SEED);
  const places = [8192, database.length - 1, database.length, database.length + 16];
  for (let i = 0; i < 300; i++) places.push(chance.between(8192, file.length - 1));
  let wrong = 0;
  for (const place of places) {
    const flipped = file.slice();
    flipped[place]! ^= 1 << chance.between(0, 7);
    const found = await readBack(snapshot, flipped).catch((error: unknown) => error);
    if (place < database.length) {
      assert.ok(found instanceof HoldfastError && found.code === "written-wrong", `${place}`);
      assert.match(found.message, /bytes 8192 to \d+ have the CRC-32C [0-9a-f]{8}, wanted/);
      wrong++;
    } else {
      // as a stranger would find it: an error, or nothing where no element lies
      const { report } = found as Inspection;
      assert.deepEqual(
        report,
        (await inspected(flipped, { withoutDigest: true })).report,
        `${place}`,
      );
      if (report.status.hash === sound.report.status.hash)
        assert.deepEqual(report.hashKV, sound.report.hashKV);
    }
  }
  assert.ok(wrong > 100 && wrong < places.length);
});

test("a file that ends early, or has lost its metas, is not what was written", async () => {
  const { snapshot, database } = sample(SEED, 4096);
  const file = edited(database, EDITS);
  const noMetas = file.slice().fill(0, 0, 8192);
  for (const bad of [noMetas, file.subarray(0, database.length - 4096), file.subarray(0, 0)])
    await assert.rejects(readBack(snapshot, bad), { code: "written-wrong" });
  const short = await readBack(snapshot, file.subarray(0, file.length - 4096));
  assert.equal(short.report.findings[0]!.code, "truncated");
});

test("it goes on where a snapshot ended early, as one that was accepted all the same", async () => {
  const { snapshot, database } = sample(SEED, 4096);
  const cut = snapshot.subarray(0, database.length - 3 * 4096 - 100);
  const extended = new Uint8Array(database.length);
  extended.set(cut);
  const { scan } = await scanStream(sourceOf(cut), {});
  const { report } = await readBackEdited(scan!, sourceOf(extended), signal);
  const wanted = await inspected(extended, { withoutDigest: true });
  assert.deepEqual(report, wanted.report);
});

test("it ends when it is aborted", async () => {
  const { snapshot } = sample(SEED, 4096);
  const { scan } = await scanStream(sourceOf(snapshot), {});
  const endless = { read: () => new Promise<never>(() => {}) };
  const controller = new AbortController();
  const ended = readBackEdited(scan!, endless, controller.signal);
  controller.abort(new Error("enough"));
  await assert.rejects(ended, /^Error: enough$/);
});
