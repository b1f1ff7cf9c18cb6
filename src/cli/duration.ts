import { InvalidArgumentError } from "commander";

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g;

/** A duration as Go writes it ("30s", "1m30s", "1.5h"), in milliseconds; longer than none. */
export function parseDuration(text: string): number {
  const parts = [...text.matchAll(PART)];
  const isWhole = parts.map(([part]) => part).join("") === text;
  const ms = parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNIT_MS[unit!]!, 0);
  if (!isWhole || ms <= 0) throw new InvalidArgumentError("Want a duration like 30s or 1m30s.");
  // a longer timer would fire at once
  return Math.min(Math.ceil(ms), 2 ** 31 - 1);
}
