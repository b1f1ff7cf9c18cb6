/** Times in names: UTC, to the second, without characters that a file system or a shell could mind. */

const STAMP = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/;

/** `20261124T070320Z` for milliseconds since 1970; parts of a second are cut off. Years 1970 to 9999. */
export function stamp(timeMs: number): string {
  return isoTime(timeMs).replaceAll(/[-:]/g, "");
}

/** The same for documents: `2026-11-24T07:03:20Z`. */
export function isoTime(timeMs: number): string {
  return new Date(Math.floor(timeMs / 1000) * 1000).toISOString().replace(".000Z", "Z");
}

/** Milliseconds since 1970; undefined for what is no such time, the 30th of February included. */
export function parseStamp(text: string): number | undefined {
  const [, year, month, day, hour, minute, second] = STAMP.exec(text) ?? [];
  if (year === undefined) return undefined;
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  // Some engines take the 30th of February for the 1st of March.
  return Number.isNaN(time) || time < 0 || stamp(time) !== text ? undefined : time;
}
