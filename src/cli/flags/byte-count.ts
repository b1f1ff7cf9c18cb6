import { InvalidArgumentError } from "commander";

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  k: 1000,
  m: 1000 ** 2,
  g: 1000 ** 3,
  t: 1000 ** 4,
  ki: 1024,
  mi: 1024 ** 2,
  gi: 1024 ** 3,
  ti: 1024 ** 4,
};

/** A number of bytes as people write it: `20M`, `1.5G`, `64Mi`; a B behind it is allowed. At least one. */
export function parseByteCount(text: string): number {
  const [, count, unit = ""] = /^(\d+(?:\.\d+)?) ?([kmgt]i?)?b?$/i.exec(text) ?? [];
  const bytes = Math.floor(Number(count) * UNITS[unit.toLowerCase()]!);
  if (bytes >= 1 && bytes <= Number.MAX_SAFE_INTEGER) return bytes;
  throw new InvalidArgumentError("Want a number of bytes like 20M (20 000 000) or 64Mi.");
}
