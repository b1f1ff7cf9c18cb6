import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { faultyStore, recordingLog } from "../../test/support/faulty-store.ts";
import { waiting } from "../../test/support/repository.ts";
import { Deposit } from "./deposit.ts";
import { initRepository } from "./repository.ts";

test("what is not published is not tidied up for long where the store is silent, and that is told", async (context) => {
  await using all = await faultyStore();
  await using repository = await initRepository(all.store, waiting);
  const log = recordingLog();
  const deposit = new Deposit([repository], { ...waiting, required: 1, log });
  await deposit.put("data", "one", (async function* () {})());
  all.inject({ on: "delete", times: Infinity });
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const tidied = deposit[Symbol.asyncDispose]();
  while (!all.calls.includes("delete one")) await turn();
  context.mock.timers.tick(3000);
  await tidied;
  assert.match(log.lines.join(), /something unfinished may be left in .* until it is pruned/);
});
