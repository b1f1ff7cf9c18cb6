/** What a user asks for: the latest, an ID or the beginning of one, or a time. */
import { HoldfastError } from "../errors.ts";
import type { ListedBackup, Listing } from "./catalog.ts";
import { isoTime, parseStamp } from "./stamp.ts";

/**
 * The backup that `target` means: `latest`; an ID, or enough of its beginning; or a time, for the newest one that was
 * begun at or before it. Times are UTC unless they say otherwise: `20261124T070320Z`, `2026-11-24T07:03:20Z`,
 * `2026-11-24 07:03`, `2026-11-24` (its first second). Throws "backup-unknown".
 */
export function findBackup(listing: Listing, target: string): ListedBackup {
  const { backups, cluster } = listing;
  const [newest] = backups;
  if (newest === undefined)
    throw unknown(`there is no backup of the cluster "${cluster}"`, "is --cluster right?");
  if (target === "latest") return newest;
  const time = parseTime(target);
  return time === undefined ? findById(listing, target) : byTime(backups, time);
}

/**
 * As `findById`, for what is removed: `latest` and times are refused, since they mean another backup as soon as one is
 * taken. Throws "backup-unknown".
 */
export function findByOwnId(listing: Listing, target: string): ListedBackup {
  const isMoving = target === "latest" || parseTime(target) !== undefined;
  const isOfIds = listing.backups.some(({ id }) => id.startsWith(target));
  if (!isMoving || isOfIds) return findById(listing, target);
  throw unknown(
    `a backup is removed by its ID only, not by "${target}"`,
    `what that means changes with the next backup: see holdfast show ${target}, and give the ID`,
  );
}

/** The backup whose ID this is, or begins with it, and only one. Throws "backup-unknown". */
export function findById({ backups }: Pick<Listing, "backups">, target: string): ListedBackup {
  const found = backups.filter(({ id }) => id.startsWith(target));
  const exact = found.find(({ id }) => id === target);
  if (exact !== undefined) return exact;
  const [only, another] = found;
  const quoted = JSON.stringify(target.slice(0, 100));
  if (only === undefined || target === "")
    throw unknown(`no backup's ID begins with ${quoted}`, "see `holdfast list`");
  if (another === undefined) return only;
  const some = found.slice(0, 5).map(({ id }) => id);
  throw unknown(
    `${found.length} backups' IDs begin with ${quoted}`,
    `give more: ${some.join(", ")}`,
  );
}

function byTime(backups: readonly ListedBackup[], time: number): ListedBackup {
  const found = backups.find((backup) => backup.time <= time);
  if (found !== undefined) return found;
  const first = backups.reduce((least, backup) => Math.min(least, backup.time), Infinity);
  throw unknown(
    `no backup was begun at or before ${isoTime(time)}`,
    `the first one is of ${isoTime(first)}`,
  );
}

const TIME =
  /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2})?(?:\.\d{1,9})?(Z|[+-]\d{2}:\d{2})?)?$/;

/** Milliseconds since 1970; undefined for what is no time of day or day. */
export function parseTime(text: string): number | undefined {
  const compact = parseStamp(text);
  if (compact !== undefined) return compact;
  const [, day, minute = "00:00", second = ":00", zone = "Z"] = TIME.exec(text) ?? [];
  if (day === undefined) return undefined;
  const midnight = Date.parse(`${day}T00:00:00Z`);
  // The 30th of February is no other day.
  if (Number.isNaN(midnight) || isoTime(midnight).slice(0, 10) !== day) return undefined;
  const time = Date.parse(`${day}T${minute}${second}${zone}`);
  return Number.isNaN(time) ? undefined : time;
}

function unknown(message: string, hint: string): HoldfastError {
  return new HoldfastError("backup-unknown", message, { hint });
}
