import { InvalidArgumentError } from "commander";

const UNIT_MS: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
  y: 365 * 86_400_000,
};

/** A stretch of time for people who keep backups ("36h", "14d", "1y", "2w3d"), in milliseconds; 0 is allowed. */
export function parseLongDuration(text: string): number {
  const parts = [...text.matchAll(/(\d{1,6})([mhdwy])/g)];
  const isWhole = text !== "" && parts.map(([part]) => part).join("") === text;
  if (!isWhole) throw new InvalidArgumentError("Want a duration like 36h, 14d, 8w or 1y.");
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNIT_MS[unit!]!, 0);
}
