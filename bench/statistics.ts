/** Medians, and how far to trust the ratio of two of them. */
import { random } from "../test/support/random.ts";

/** One run of ours and the peer's run right after it, in the same unit. */
export interface Pair {
  readonly ours: number;
  readonly peer: number;
}

export interface Ratio {
  /** Median of ours over median of the peer's. */
  readonly value: number;
  /** The 95 % confidence range of `value`. */
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 2_000;
const SEED = 1;
/** Both tails together are left out of the range. */
const TAILS = 0.05;

/** The middle value, or the mean of the two in the middle. Needs at least one. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/**
 * The ratio of the medians, with a percentile bootstrap over the pairs: what happened to the machine during a pair
 * happens to both of its values, so they are drawn together. Few pairs give a range as wide as theirs, no guess beyond it.
 */
export function ratioOfMedians(pairs: readonly Pair[]): Ratio {
  const chance = random(SEED);
  const drawn = Array.from({ length: RESAMPLES }, () => ratio(pairs.map(() => chance.pick(pairs))));
  const sorted = drawn.toSorted((a, b) => a - b);
  return {
    value: ratio(pairs),
    low: quantile(sorted, TAILS / 2),
    high: quantile(sorted, 1 - TAILS / 2),
  };
}

function ratio(pairs: readonly Pair[]): number {
  return median(pairs.map(({ ours }) => ours)) / median(pairs.map(({ peer }) => peer));
}

/** @param sorted ascending */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.round(share * (sorted.length - 1))]!;
}
