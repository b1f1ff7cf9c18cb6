import assert from "node:assert/strict";
import { test } from "node:test";
import { random } from "../test/support/random.ts";
import { median, ratioOfMedians, type Pair } from "./statistics.ts";

test("median() is the middle value, or the mean of the two there, in any order", () => {
  assert.equal(median([7]), 7);
  assert.equal(median([10, 9, 100]), 10);
  assert.equal(median([4, 1, 100, 2]), 3);
  const values = [3, 1, 2];
  median(values);
  assert.deepEqual(values, [3, 1, 2]);
});

test("ratioOfMedians() of a steady machine has no doubt", () => {
  const pairs = Array.from({ length: 7 }, () => ({ ours: 3, peer: 4 }));
  assert.deepEqual(ratioOfMedians(pairs), { value: 0.75, low: 0.75, high: 0.75 });
});

test("ratioOfMedians() takes the medians before it divides", () => {
  // the pair ratios are 1, 2 and 0.3: their median is 1
  const pairs = [
    { ours: 1, peer: 1 },
    { ours: 4, peer: 2 },
    { ours: 3, peer: 10 },
  ];
  assert.equal(ratioOfMedians(pairs).value, 1.5);
});

test("ratioOfMedians() draws the values of a pair together: a machine that slows down changes nothing", () => {
  const pairs = [1, 2, 4, 8, 16, 32, 64].map((slower) => ({ ours: slower, peer: 2 * slower }));
  assert.deepEqual(ratioOfMedians(pairs), { value: 0.5, low: 0.5, high: 0.5 });
});

test("ratioOfMedians() keeps its range within the values and around the ratio", () => {
  const pairs = noisyPairs(9, 0.8, 5);
  const { value, low, high } = ratioOfMedians(pairs);
  assert.ok(low < value && value < high);
  const ours = pairs.map((pair) => pair.ours);
  const peer = pairs.map((pair) => pair.peer);
  assert.ok(low >= Math.min(...ours) / Math.max(...peer));
  assert.ok(high <= Math.max(...ours) / Math.min(...peer));
});

test("ratioOfMedians() is surer with more pairs", () => {
  const width = (count: number) => {
    const { low, high } = ratioOfMedians(noisyPairs(count, 0.8, 3));
    return high - low;
  };
  assert.ok(width(63) < width(7));
});

test("ratioOfMedians() covers the true ratio about nineteen times in twenty", () => {
  const rounds = 100;
  let covered = 0;
  for (let seed = 1; seed <= rounds; seed++) {
    const { low, high } = ratioOfMedians(noisyPairs(9, 0.8, seed));
    if (low <= 0.8 && 0.8 <= high) covered++;
  }
  assert.ok(covered >= 0.85 * rounds, `${covered} of ${rounds}`);
});

/** Times around 1000 that vary by up to a fifth, ours by `ratio` shorter. */
function noisyPairs(count: number, ratio: number, seed: number): Pair[] {
  const chance = random(seed);
  const time = () => 1000 + chance.between(-200, 200);
  return Array.from({ length: count }, () => ({ ours: ratio * time(), peer: time() }));
}
