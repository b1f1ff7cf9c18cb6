import assert from "node:assert/strict";
import { test } from "node:test";
import { body, digest, pattern } from "../../test/support/body.ts";
import { faultyStore, recordingLog } from "../../test/support/faulty-store.ts";
import { fails, keys, put, waiting } from "../../test/support/store-subject.ts";
import { StoreFailure } from "./failure.ts";
import type { Persistence } from "./retry.ts";
import { retrying } from "./retrying.ts";

const QUICK: Persistence = { stallMs: 50, noProgressMs: 5000, firstPauseMs: 1 };
const SIZE = 2_000_000;

const passing = (): StoreFailure =>
  new StoreFailure("store-unreachable", "connection reset", { transient: true });

async function ground(persistence = QUICK) {
  const faulty = await faultyStore();
  const log = recordingLog();
  return { ...faulty, log, patient: retrying(faulty.store, persistence, log) };
}

test("calls that fail in passing are repeated, and each failure is logged", async () => {
  await using all = await ground();
  await put(all.store, "a", 10);
  for (const on of ["stat", "delete", "sweep", "capabilities"] as const)
    all.inject({ on, times: 3, error: passing() });
  assert.equal((await all.patient.stat("a", waiting))?.size, 10);
  await all.patient.delete("a", waiting);
  await all.patient.sweep(0, waiting);
  await all.patient.capabilities(waiting);
  assert.equal(all.log.lines.length, 12);
  assert.match(
    all.log.lines[0]!,
    /^warn look at "a" in .*: trying again in \d+ ms: connection reset/,
  );
  assert.equal(await all.store.stat("a", waiting), undefined);
});

test("what fails for good is not repeated", async () => {
  await using all = await ground();
  all.inject({ on: "stat", times: 9, error: new StoreFailure("store-refused", "no") });
  await fails("store-refused", all.patient.stat("a", waiting));
  await fails("object-missing", digest(all.patient.get("a", waiting)));
  assert.deepEqual(all.calls, ["stat a", "get a 0 -"]);
  assert.deepEqual(all.log.lines, []);
});

test("a get goes on where it broke off, whole or in part", async () => {
  await using all = await ground();
  await put(all.store, "long", SIZE);
  for (let n = 0; n < 3; n++) all.inject({ on: "get", after: 1, error: passing() });
  assert.deepEqual(await digest(all.patient.get("long", waiting)), pattern("long", SIZE));
  const offsets = all.calls.slice(1).map((call) => Number(call.split(" ")[2]));
  assert.deepEqual(
    offsets,
    [0, 1, 2, 3].map((n) => n * (512 << 10)),
  );
  all.inject({ on: "get", after: 1, error: passing() });
  const range = { offset: 100, length: 1_000_000, ...waiting };
  assert.deepEqual(
    await digest(all.patient.get("long", range)),
    pattern("long", SIZE, 100, 1_000_100),
  );
  assert.deepEqual(all.calls.slice(-2), [
    "get long 100 1000000",
    `get long ${100 + (512 << 10)} ${1_000_000 - (512 << 10)}`,
  ]);
});

test("a get that broke off behind its last byte is not asked again", async () => {
  await using all = await ground();
  await put(all.store, "short", 1000);
  all.inject({ on: "get", after: 500, error: passing() });
  const range = { length: 500, ...waiting };
  assert.equal((await digest(all.patient.get("short", range))).size, 500);
  assert.equal(all.calls.length, 2);
});

test("what stalls is given up and begun again", async () => {
  await using all = await ground();
  await put(all.store, "a", SIZE);
  all.inject({ on: "get", after: 1 });
  all.inject({ on: "stat" });
  all.inject({ on: "list" });
  assert.deepEqual(await digest(all.patient.get("a", waiting)), pattern("a", SIZE));
  assert.equal((await all.patient.stat("a", waiting))?.size, SIZE);
  assert.deepEqual(await keys(all.patient), ["a"]);
  assert.equal(all.log.lines.filter((line) => line.includes("nothing moved")).length, 3);
});

test("a list goes on after what it has told", async () => {
  await using all = await ground();
  for (const key of ["a", "b", "c", "d"]) await put(all.store, key, 1);
  all.inject({ on: "list", after: 2, error: passing() });
  all.inject({ on: "list", after: 3, error: passing() });
  assert.deepEqual(await keys(all.patient), ["a", "b", "c", "d"]);
});

test("an order that is none is refused", async () => {
  await using all = await ground();
  async function* backwards() {
    for (const key of ["b", "a"]) yield { key, size: 1, modifiedMs: undefined };
  }
  const patient = retrying({ ...all.store, list: backwards }, QUICK, all.log);
  await fails("store-wrong-answer", keys(patient));
});

test("it ends when nothing moves for too long, and says why", async () => {
  await using all = await ground({ stallMs: 1000, noProgressMs: 30, firstPauseMs: 4 });
  all.inject({ on: "stat", times: Infinity, error: passing() });
  all.inject({ on: "get", times: Infinity, error: passing() });
  await assert.rejects(all.patient.stat("a", waiting), /connection reset/);
  await assert.rejects(digest(all.patient.get("a", waiting)), /connection reset/);
  assert.ok(all.log.lines.length < 20, `${all.log.lines.length} attempts`);
});

test("as long as something moves it goes on", async () => {
  await using all = await ground({ stallMs: 1000, noProgressMs: 100, firstPauseMs: 40 });
  await put(all.store, "long", 10 * (512 << 10));
  all.inject({ on: "get", times: 9, after: 1, error: passing() });
  const whole = pattern("long", 10 * (512 << 10));
  assert.deepEqual(await digest(all.patient.get("long", waiting)), whole);
});

test("an abort ends the pause between two attempts", async () => {
  await using all = await ground({ stallMs: 1000, noProgressMs: 1e9, firstPauseMs: 1e6 });
  all.inject({ on: "stat", times: Infinity, error: passing() });
  const stop = new AbortController();
  const asked = all.patient.stat("a", { signal: stop.signal });
  while (all.log.lines.length === 0) await new Promise(setImmediate);
  stop.abort(new Error("enough"));
  await assert.rejects(asked, /enough/);
});

test("a store that asks for a pause gets it", async () => {
  await using all = await ground();
  const error = new StoreFailure("store-throttled", "slow down", {
    transient: true,
    retryAfterMs: 30,
  });
  all.inject({ on: "stat", error });
  await all.patient.stat("a", waiting);
  assert.match(all.log.lines[0]!, /trying again in 30 ms/);
});

test("puts are not repeated here: a body can be read once only", async () => {
  await using all = await ground();
  all.inject({ on: "put", after: 1, error: passing() });
  await assert.rejects(all.patient.put("a", body("a", 100), waiting), /connection reset/);
  assert.deepEqual(all.calls, ["put a"]);
});
