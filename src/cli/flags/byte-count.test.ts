import assert from "node:assert/strict";
import { test } from "node:test";
import { parseByteCount } from "./byte-count.ts";

test("numbers of bytes", () => {
  const good = {
    "1": 1,
    "20M": 20_000_000,
    "64Mi": 64 << 20,
    "1.5g": 1.5e9,
    "8 kB": 8000,
    "1KiB": 1024,
  };
  for (const [text, bytes] of Object.entries(good)) assert.equal(parseByteCount(text), bytes, text);
  for (const text of ["", "0", "-1", "M", "20X", "1e9", "0.0001", "20MM", "99999999T"])
    assert.throws(() => parseByteCount(text), /Want a number of bytes/, text);
});
