import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { PassThrough, Readable } from "node:stream";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { recordingLog } from "../../../test/support/faulty-store.ts";
import { scratchRepository } from "../../../test/support/repository.ts";
import { shutter } from "../../../test/support/shutting.ts";
import type { Context } from "../context.ts";
import { openRepositories } from "./open-repositories.ts";

/** A store that takes connections and never answers. */
async function silentStore() {
  const server = createServer((socket) => void socket.on("error", () => {}));
  const shut = shutter(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `s3://bucket/etcd?endpoint=http://127.0.0.1:${port}&region=us-east-1&pathStyle=true`,
    [Symbol.asyncDispose]: shut,
  };
}

function world(signal: AbortSignal) {
  const log = recordingLog();
  const context: Context = {
    signal,
    env: { AWS_ACCESS_KEY_ID: "AKIAHOLDFASTTEST", AWS_SECRET_ACCESS_KEY: "of-the-tests" },
    log,
    stdin: Readable.from([]),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    progress: () => ({ update: () => {}, [Symbol.dispose]: () => {} }),
  };
  return { context, lines: log.lines };
}

test("a store that is silent is not waited for when enough others have answered, and is told", async () => {
  await using here = await scratchRepository();
  await using silent = await silentStore();
  const { context, lines } = world(new AbortController().signal);
  const settings = { urls: [silent.url, here.path], cluster: "default", required: 1 };
  await using opened = await openRepositories(settings, context, {}, 100);
  assert.deepEqual(opened.missing, [silent.url]);
  assert.equal(opened.repositories.length, 1);
  assert.ok(lines.some((line) => /is left out: no answer 0.1 s after enough others/.test(line)));
});

test("while too few have answered, a silent store is waited for, until somebody interrupts", async () => {
  await using here = await scratchRepository();
  await using silent = await silentStore();
  const stop = new AbortController();
  const { context } = world(stop.signal);
  const settings = { urls: [here.path, silent.url], cluster: "default", required: 2 };
  let isOver = false;
  const opening = openRepositories(settings, context, {}, 1).finally(() => (isOver = true));
  opening.catch(() => {});
  await sleep(300);
  assert.equal(isOver, false);
  stop.abort(new Error("enough"));
  await assert.rejects(opening, /enough/);
});
