import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDuration } from "./duration.ts";

test("parseDuration() reads what Go writes", () => {
  const cases = {
    "30s": 30_000,
    "1m30s": 90_000,
    "1.5h": 5_400_000,
    "500ms": 500,
    "1us": 1,
    ".5s": 500,
  };
  for (const [text, ms] of Object.entries(cases)) assert.equal(parseDuration(text), ms, text);
});

test("parseDuration() refuses anything else, and nothing at all", () => {
  for (const text of ["", "30", "s", "30 s", "-1s", "0s", "1d", "1m30", "x1s"])
    assert.throws(() => parseDuration(text), /like 30s/, text);
});

test("parseDuration() stays below what a timer can hold", () => {
  assert.equal(parseDuration("10000h"), 2 ** 31 - 1);
});
