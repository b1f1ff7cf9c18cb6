import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { test } from "node:test";
import { Interruption } from "../context.ts";
import { openSnapshot, snapshotName } from "./snapshot-file.ts";

test("an interruption ends a reading that waits, one that has not begun, and one that comes too late", async () => {
  const reason = new Interruption("SIGTERM", 15);
  const into = new Uint8Array(10);
  {
    const stop = new AbortController();
    await using waiting = await openSnapshot("-", {
      stdin: new PassThrough(),
      signal: stop.signal,
    });
    const reading = waiting.read(into);
    stop.abort(reason);
    await assert.rejects(reading, reason);
  }
  {
    const stop = new AbortController();
    await using idle = await openSnapshot("-", { stdin: new PassThrough(), signal: stop.signal });
    stop.abort(reason);
    await setImmediate();
    await assert.rejects(idle.read(into), reason);
  }
  const late = await openSnapshot("-", {
    stdin: new PassThrough(),
    signal: AbortSignal.abort(reason),
  });
  await setImmediate();
  await assert.rejects(late.read(into), reason);
});

test("messages call a file by its path and - by what it is", () => {
  assert.equal(snapshotName("a b.db"), '"a b.db"');
  assert.equal(snapshotName("-"), "standard input");
});

test("what cannot be opened says why, and what to do", async () => {
  const opening = (path: string) =>
    openSnapshot(path, { stdin: new PassThrough(), signal: new AbortController().signal });
  await assert.rejects(opening("/no/such.db"), {
    message: 'cannot open "/no/such.db": no such file or directory',
    hint: "check the path; holdfast snapshot save makes a snapshot",
  });
  await assert.rejects(opening("/dev/null/x"), { hint: "check the path: a part of it is a file" });
});
