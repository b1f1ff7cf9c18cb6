import { InvalidArgumentError } from "commander";

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;

/** Go counts nanoseconds in 63 bits. */
const END_MS = 2 ** 63 / 1e6;

/** A duration as Go reads it ("30s", "1m30s", "-1.5h", "0"), in milliseconds. */
export function parseGoDuration(text: string): number {
  const length = text.replace(/^[+-]/, "");
  const parts = [...length.matchAll(PART)];
  const isWhole = parts.map(([part]) => part).join("") === length && length !== "";
  const ms = parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNIT_MS[unit!]!, 0);
  if ((!isWhole && length !== "0") || ms >= END_MS)
    throw new InvalidArgumentError("Want a duration like 30s or 1m30s.");
  return text.startsWith("-") ? -ms : ms;
}

/** The same in whole milliseconds, and no longer than a timer can be: a longer one would fire at once. */
export function parseTimer(text: string): number {
  return Math.min(Math.ceil(parseGoDuration(text)), 2 ** 31 - 1);
}

/** The same, longer than none. */
export function parseDuration(text: string): number {
  const ms = parseTimer(text);
  if (ms <= 0) throw new InvalidArgumentError("Want a duration like 30s or 1m30s.");
  return ms;
}
