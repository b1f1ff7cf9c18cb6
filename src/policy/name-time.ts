/** The time that the name of a file tells, as scripts write it: etcd-20261124-070320.db, snapshot_2026-11-24.db. */

const DATE = /(?<!\d)(20\d{2})([-_.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])/.source;
const TIME = /(?:[-_T. ]?([01]\d|2[0-3])[-_:.]?([0-5]\d)(?:[-_:.]?([0-5]\d))?Z?)?(?!\d)/.source;
const WRITTEN = new RegExp(DATE + TIME);
/** Seconds since 1970, as k3s and others have it, of the years 2014 to 2033. */
const SECONDS = /(?<!\d)(1[4-9]\d{8})(?!\d)/;

/**
 * Milliseconds since 1970; undefined where the name tells none. Without a zone it is taken for UTC, without a time of day
 * for midnight. Of a path only the last part counts.
 */
export function timeInName(path: string): number | undefined {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const [, year, , month, day, hour = "00", minute = "00", second = "00"] =
    WRITTEN.exec(name) ?? [];
  if (year === undefined) {
    const seconds = SECONDS.exec(name)?.[1];
    return seconds === undefined ? undefined : Number(seconds) * 1000;
  }
  const time = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  );
  // the 30th of February is no other day
  return new Date(time).getUTCDate() === Number(day) ? time : undefined;
}
