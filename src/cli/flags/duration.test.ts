import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDuration, parseGoDuration } from "./duration.ts";

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
  for (const text of ["", "30", "s", "30 s", "-1s", "0s", "0", "1d", "1m30", "x1s"])
    assert.throws(() => parseDuration(text), /like 30s/, text);
});

test("parseGoDuration() takes what Go takes, and nothing else", () => {
  const cases = { "0": 0, "0s": 0, "-1.5h": -5_400_000, "+1s": 1000, "1µs": 1e-3, "1μs": 1e-3 };
  for (const [text, ms] of Object.entries(cases)) assert.equal(parseGoDuration(text), ms, text);
  for (const text of ["", "-", "abc", "5", "5x", "1d", "0x1s", "--1s", "2562048h"])
    assert.throws(() => parseGoDuration(text), /like 30s/, text);
});

test("parseDuration() stays below what a timer can hold", () => {
  assert.equal(parseDuration("10000h"), 2 ** 31 - 1);
});
