import assert from "node:assert/strict";
import { test } from "node:test";
import { parseInt64, parseUint64 } from "./go-integer.ts";

/** As strconv.ParseUint(text, 0, 64) has them. */
const VALUES: Readonly<Record<string, bigint>> = {
  "0": 0n,
  "16": 16n,
  "1_000": 1000n,
  "0x10": 16n,
  "0X1f": 31n,
  "0x_1F": 31n,
  "0b11": 3n,
  "0B1_1": 3n,
  "0o17": 15n,
  "0O17": 15n,
  "010": 8n,
  "0_7": 7n,
  "00": 0n,
  "9223372036854775807": 2n ** 63n - 1n,
};
const INVALID =
  "|x| 5|5 |5x|08|0x|0b|0o|0b2|0o8|_1|1_|1__0|0__7|0x1_|1.5|1e3|٣|--5|+-5|18446744073709551616";

test("integers have the values that Go reads", () => {
  for (const [text, value] of Object.entries(VALUES)) {
    assert.equal(parseUint64(text), value, text);
    assert.equal(parseInt64(text), value, text);
    assert.equal(parseInt64(`+${text}`), value, text);
    assert.equal(parseInt64(`-${text}`), -value, text);
  }
  assert.equal(parseUint64("0xffffffffffffffff"), 2n ** 64n - 1n);
  assert.equal(parseInt64("-9223372036854775808"), -(2n ** 63n));
});

test("what Go refuses is refused, never read as something else", () => {
  for (const text of INVALID.split("|")) {
    assert.throws(() => parseUint64(text), /no unsigned 64-bit number/, JSON.stringify(text));
    assert.throws(() => parseInt64(text), /no 64-bit number/, JSON.stringify(text));
  }
  for (const text of ["+5", "-5", "-0"]) assert.throws(() => parseUint64(text), text);
  for (const text of ["9223372036854775808", "-9223372036854775809"])
    assert.throws(() => parseInt64(text), text);
});
