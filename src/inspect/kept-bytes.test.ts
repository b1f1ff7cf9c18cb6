import assert from "node:assert/strict";
import { test } from "node:test";
import { random } from "../../test/support/random.ts";
import { KeptBytes } from "./kept-bytes.ts";

const SEED = Number(process.env["SEED"] ?? 11);
const FAR = 5 * 2 ** 32;

test(`what was kept is read again, however it overlaps (seed ${SEED})`, () => {
  const chance = random(SEED);
  const file = chance.bytes(200_000);
  for (const base of [0, FAR]) {
    const kept = new KeptBytes(1 << 20);
    const parts: [number, number][] = [];
    for (let i = 0; i < 300; i++) {
      const from = chance.between(0, file.length);
      const to = Math.min(file.length, from + chance.between(0, 5000));
      // Windows of the file: whole chunks around what is kept.
      const start = Math.floor(from / 1024) * 1024;
      const stretch = { bytes: file.subarray(start, to + 1024), start: base + start };
      assert.equal(kept.keep(stretch, base + from, base + to), true);
      parts.push([from, to]);
    }
    for (const [from, to] of parts)
      assert.deepEqual(kept.read(base + from, base + to), file.slice(from, to));
  }
});

test("no byte is kept twice, and there is room for so many and for what is bound to be kept", () => {
  const stretch = { bytes: new Uint8Array(1 << 16).fill(7), start: 0 };
  const kept = new KeptBytes(8 << 10);
  for (let i = 0; i < 1000; i++) assert.equal(kept.keep(stretch, i, 8192), true);
  assert.equal(kept.keep(stretch, 8191, 8193), false);
  assert.equal(kept.keep(stretch, 8192, 10_000, true), true);
  assert.deepEqual(kept.read(8000, 10_000), new Uint8Array(2000).fill(7));
});
