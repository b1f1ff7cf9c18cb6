import assert from "node:assert/strict";
import { test } from "node:test";
import { sinkStream } from "./sink-stream.ts";

const { signal } = new AbortController();
const piece = (byte: number): Uint8Array => Uint8Array.of(byte);

test("what is written comes out, in order, and the end is the end", async () => {
  const stream = sinkStream(async (sink) => {
    for (const byte of [1, 2, 3]) await sink.write(piece(byte), byte);
  }, signal);
  const read: number[] = [];
  for await (const bytes of stream) read.push(bytes[0]!);
  assert.deepEqual(read, [1, 2, 3]);
});

test("a write waits until the next piece is asked for, so that its memory is free then", async () => {
  const events: string[] = [];
  const stream = sinkStream(async (sink) => {
    for (const byte of [1, 2]) {
      await sink.write(piece(byte), 0);
      events.push(`written ${byte}`);
    }
  }, signal);
  for await (const bytes of stream) {
    await new Promise(setImmediate);
    events.push(`read ${bytes[0]}`);
  }
  assert.deepEqual(events, ["read 1", "written 1", "read 2", "written 2"]);
});

test("what the work throws at its end, the reader gets", async () => {
  const stream = sinkStream(async (sink) => {
    await sink.write(piece(1), 0);
    throw new Error("damaged");
  }, signal);
  assert.equal((await stream.next()).done, false);
  await assert.rejects(stream.next(), /damaged/);
});

test("a reader that leaves stops the work: its write, and whatever else it waits for", async () => {
  let written: unknown;
  let stopped: unknown;
  const stream = sinkStream(async (sink, stop) => {
    const write = sink.write(piece(1), 0).catch((cause: unknown) => (written = cause));
    await new Promise((resolve) => stop.addEventListener("abort", resolve));
    stopped = stop.reason;
    await write;
    await sink.write(piece(2), 1);
  }, signal);
  await stream.next();
  await stream.return();
  assert.match(String(written), /nobody reads on/);
  assert.equal(stopped, written);
});

test("an abort reaches the work", async () => {
  const abort = new AbortController();
  const stream = sinkStream(
    (_sink, stop) =>
      new Promise((_, reject) =>
        stop.addEventListener("abort", () => reject(stop.reason as Error)),
      ),
    abort.signal,
  );
  const next = stream.next();
  abort.abort(new Error("enough"));
  await assert.rejects(next, /enough/);
});
