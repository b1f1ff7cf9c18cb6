import assert from "node:assert/strict";
import { test } from "node:test";
import { random } from "../../test/support/random.ts";
import { crc32c, type Crc32c } from "../format/crc32c.ts";
import { reach, RunningCrc } from "./running-crc.ts";

const SEED = Number(process.env["SEED"] ?? 20260101);
const chance = random(SEED);
const FILE = chance.bytes(300_000);

/** Sums as the real one does, and counts what it is given. */
function counting(): { crc: Crc32c; bytes: () => number } {
  let summed = 0;
  const crc: Crc32c = (bytes, seed, from = 0, to = bytes.length) => {
    summed += to - from;
    return crc32c(bytes, seed, from, to);
  };
  return { crc, bytes: () => summed };
}

const wanted = (from: number, to: number): number => crc32c(FILE, 0, from, to);

test(`any place, asked for in any order, has the CRC of what is before it (seed ${SEED})`, () => {
  const running = new RunningCrc(crc32c);
  running.moveTo(FILE, 0);
  for (let i = 0; i < 2000; i++) {
    const to = chance.between(0, FILE.length);
    assert.equal(running.upTo(to), wanted(0, to), `up to ${to}`);
    const from = chance.between(0, to);
    const near = Math.max(from, to - chance.between(0, 300));
    assert.equal(running.upTo(to, near, wanted(0, near)), wanted(0, to));
    assert.equal(running.between(from, to), wanted(from, to), `from ${from} to ${to}`);
    assert.equal(running.between(near, to), wanted(near, to));
  }
});

test("windows may move on while places behind are asked for, as far as reach() says", () => {
  const running = new RunningCrc(crc32c);
  let start = 0;
  for (let end = 20_000; end <= FILE.length; end += 20_000) {
    running.moveTo(FILE.subarray(start, end), start);
    running.upTo(end);
    for (let i = 0; i < 50; i++) {
      const to = chance.between(start, end);
      assert.equal(running.upTo(to), wanted(0, to));
    }
    start = reach(chance.between(start, end));
  }
});

test("ascending order sums each byte once; a place behind costs at most 256 bytes once its stretch is marked", () => {
  const { crc, bytes } = counting();
  const running = new RunningCrc(crc);
  running.moveTo(FILE, 0);
  for (let to = 0; to < FILE.length; to += 137) running.upTo(to);
  running.upTo(FILE.length);
  assert.equal(bytes(), FILE.length);
  const asked = 10_000;
  for (let i = 0; i < asked; i++) running.upTo(chance.between(0, FILE.length - 1));
  assert.ok(bytes() <= 2 * FILE.length + asked * 256, `${bytes()} bytes`);
});
