import assert from "node:assert/strict";
import { test } from "node:test";
import { humanSize } from "./size.ts";

test("humanSize() prints what go-humanize prints", () => {
  const known: [number, string][] = [
    [0, "0 B"],
    [9, "9 B"],
    [10, "10 B"],
    [999, "999 B"],
    [1000, "1.0 kB"],
    [9949, "9.9 kB"],
    [9950, "10 kB"],
    [20480, "20 kB"],
    [21504, "22 kB"],
    [61440, "61 kB"],
    [65536, "66 kB"],
    [102400, "102 kB"],
    [131072, "131 kB"],
    [999999, "1000 kB"],
    [1000000, "1.0 MB"],
    [2211840, "2.2 MB"],
    [15994880, "16 MB"],
    [82854982, "83 MB"],
    [1000000000, "1.0 GB"],
    [1e15, "1.0 PB"],
    [Number.MAX_SAFE_INTEGER, "9.0 PB"],
  ];
  for (const [bytes, text] of known) assert.equal(humanSize(bytes), text, String(bytes));
});
