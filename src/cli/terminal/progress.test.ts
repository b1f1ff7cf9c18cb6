import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { barLine, createProgressBar } from "./progress.ts";

test("a bar shows share, bytes, rate and time left", () => {
  const state = { label: "saving", bytes: 720e6, totalBytes: 1.6e9, bytesPerSecond: 180e6 };
  assert.equal(
    barLine(state, 100),
    "saving  [##############................]  45%  720 MB of 1.6 GB  180 MB/s  5s left",
  );
});

test("a bar never fills the terminal's line, whatever its width", () => {
  const state = { label: "saving", bytes: 720e6, totalBytes: 1.6e9, bytesPerSecond: 18e3 };
  for (let width = 10; width < 120; width++)
    assert.ok(barLine(state, width).length < width, String(width));
  assert.equal(barLine(state, 60), "saving   45%  720 MB of 1.6 GB  18 kB/s  13h35m left");
});

test("without a total there is no share; past an estimated one it stays at 100%", () => {
  const state = { label: "reading", bytes: 5e6, totalBytes: undefined, bytesPerSecond: 1e6 };
  assert.equal(barLine(state, 80), "reading  5.0 MB  1.0 MB/s");
  assert.match(
    barLine({ ...state, totalBytes: 4e6 }, 80),
    / 100% {2}5.0 MB of 4.0 MB {2}1.0 MB\/s$/,
  );
});

test("a bar that is not enabled writes nothing, and lines pass through", () => {
  const stderr = new PassThrough();
  const bar = createProgressBar(stderr, () => false);
  {
    using progress = bar.start("saving", 10);
    progress.update(5);
    bar.writeLine("a line");
  }
  assert.equal(stderr.read().toString(), "a line\n");
});

test("a line is written above a bar, and the bar goes away in the end", (t) => {
  let time = 0;
  t.mock.method(performance, "now", () => time);
  const stderr = Object.assign(new PassThrough(), { columns: 40 });
  const bar = createProgressBar(stderr, () => true);
  {
    using progress = bar.start("saving");
    progress.update(1);
    time = 1000;
    progress.update(1000);
    progress.update(2000);
    bar.writeLine("a line");
  }
  assert.equal(
    stderr.read().toString(),
    "\r\u001b[Ksaving  1.0 kB  1.0 kB/s\r\u001b[Ka line\nsaving  1.0 kB  1.0 kB/s\r\u001b[K",
  );
});
