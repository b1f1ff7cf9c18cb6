import assert from "node:assert/strict";
import { test } from "node:test";
import { recordingLog } from "../../test/support/faulty-store.ts";
import { isTransient, StoreFailure } from "./failure.ts";
import { retry, type RetryOptions } from "./retry.ts";

const passing = new StoreFailure("store-unreachable", "reset", { transient: true });

function options(persistence: Partial<RetryOptions["persistence"]> = {}) {
  const log = recordingLog();
  const signal = new AbortController().signal;
  const usual = { stallMs: 1000, noProgressMs: 1000, firstPauseMs: 1, ...persistence };
  return { what: "put part 3", signal, log, persistence: usual };
}

test("an attempt that moves is not given up, however long it takes", async () => {
  const how = options({ stallMs: 400 });
  const result = await retry(how, async ({ moved, signal }) => {
    for (let n = 0; n < 10; n++) {
      await new Promise((resolve) => setTimeout(resolve, 60));
      signal.throwIfAborted();
      moved();
    }
    return "done";
  });
  assert.equal(result, "done");
  assert.deepEqual(how.log.lines, []);
});

test("an attempt that hangs is aborted and made again", async () => {
  const how = options({ stallMs: 15 });
  const aborted: boolean[] = [];
  const result = await retry(how, ({ signal }) => {
    if (aborted.length === 2) return Promise.resolve("done");
    return new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => {
        aborted.push(true);
        reject(signal.reason as Error);
      });
    });
  });
  assert.equal(result, "done");
  assert.equal(aborted.length, 2);
  assert.match(how.log.lines[1]!, /put part 3: trying again in \d+ ms: nothing moved for/);
});

test("attempts that move before they fail go on beyond the limit of no progress", async () => {
  const how = options({ noProgressMs: 30, firstPauseMs: 10 });
  let attempts = 0;
  const result = await retry(how, async ({ moved }) => {
    moved();
    if (++attempts < 12) throw passing;
    return "done";
  });
  assert.deepEqual([result, attempts], ["done", 12]);
});

test("the last failure comes out, with how often it was tried in the log", async () => {
  const how = options({ noProgressMs: 20, firstPauseMs: 2 });
  await assert.rejects(
    retry(how, () => Promise.reject(passing)),
    (error) => error === passing,
  );
  assert.ok(how.log.lines.length >= 1);
  assert.match(how.log.lines.at(-1)!, new RegExp(`"failures":${how.log.lines.length}`));
});

test("failures of ours are never repeated", async () => {
  const how = options();
  let attempts = 0;
  const fault = (): Promise<never> => {
    attempts++;
    throw new TypeError("a fault of ours");
  };
  await assert.rejects(retry(how, fault), TypeError);
  assert.equal(attempts, 1);
  assert.equal(isTransient(new StoreFailure("store-full", "full")), false);
});

test("what is aborted before is not attempted", async () => {
  const how = { ...options(), signal: AbortSignal.abort(new Error("before")) };
  let attempts = 0;
  const counted = async (): Promise<number> => ++attempts;
  await assert.rejects(retry(how, counted), /before/);
  assert.equal(attempts, 0);
});
