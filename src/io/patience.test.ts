import assert from "node:assert/strict";
import { test } from "node:test";
import { createPatience, unlessAborted } from "./patience.ts";

const LATE = new Error("late");

async function aborted(signal: AbortSignal): Promise<unknown> {
  if (!signal.aborted)
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  return signal.reason;
}

function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
}

test("createPatience() ends a wait that has begun, and no other", async () => {
  using idle = createPatience(1, undefined, () => LATE);
  using waiting = createPatience(1, undefined, () => LATE);
  idle.start();
  idle.stop();
  waiting.start();
  assert.equal(await aborted(waiting.signal), LATE);
  assert.equal(idle.signal.aborted, false);
});

test("createPatience() begins anew with every start", async () => {
  using long = createPatience(60_000, undefined, () => LATE);
  using short = createPatience(1, undefined, () => LATE);
  long.start();
  short.start();
  long.start();
  await aborted(short.signal);
  assert.equal(long.signal.aborted, false);
});

test("createPatience() waits for nothing once it is over", () => {
  const before = timers();
  const patience = createPatience(60_000, undefined, () => LATE);
  patience.start();
  assert.equal(timers(), before + 1);
  patience[Symbol.dispose]();
  patience.start();
  assert.equal(timers(), before);
});

test("createPatience() passes the outer signal's reason on", async () => {
  const outer = new AbortController();
  using patience = createPatience(60_000, outer.signal, () => LATE);
  patience.start();
  outer.abort("enough");
  assert.equal(await aborted(patience.signal), "enough");
  using born = createPatience(60_000, outer.signal, () => LATE);
  assert.equal(born.signal.reason, "enough");
});

test("createPatience() leaves no timer behind when it is disposed of", () => {
  const before = timers();
  {
    using patience = createPatience(60_000, undefined, () => LATE);
    patience.start();
    assert.equal(timers(), before + 1);
  }
  assert.equal(timers(), before);
});

test("unlessAborted() gives the result, the failure, or the reason of the signal", async () => {
  const stop = new AbortController();
  assert.equal(await unlessAborted(Promise.resolve(7), stop.signal), 7);
  await assert.rejects(unlessAborted(Promise.reject(LATE), stop.signal), LATE);
  const never = unlessAborted(new Promise(() => {}), stop.signal);
  stop.abort(new Error("enough"));
  await assert.rejects(never, /enough/);
  await assert.rejects(unlessAborted(Promise.resolve(7), stop.signal), /enough/);
});

test("unlessAborted() with a signal aborted before leaves no failure of the work to nobody", async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", note);
  try {
    const stopped = AbortSignal.abort(new Error("enough"));
    await assert.rejects(unlessAborted(Promise.reject(LATE), stopped), /enough/);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(unhandled, []);
  } finally {
    process.off("unhandledRejection", note);
  }
});
