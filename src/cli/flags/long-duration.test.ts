import assert from "node:assert/strict";
import { test } from "node:test";
import { parseLongDuration } from "./long-duration.ts";

test("long durations are read as people write them", () => {
  const hour = 3_600_000;
  for (const [text, hours] of [
    ["36h", 36],
    ["14d", 14 * 24],
    ["2w3d", 17 * 24],
    ["1y", 365 * 24],
    ["90m", 1.5],
    ["0d", 0],
  ] as const)
    assert.equal(parseLongDuration(text), hours * hour, text);
});

test("what is no long duration is refused", () => {
  for (const text of ["", "d", "14", "14 d", "-1d", "1.5d", "1d-1h", "9999999d", "1M"])
    assert.throws(() => parseLongDuration(text), /Want a duration like/, text);
});
