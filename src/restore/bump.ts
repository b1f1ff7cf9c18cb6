/**
 * PURE. How far a restore raises the revision. Clients remember revisions (watches, caches, resource versions), and must
 * not meet one of theirs again with other contents: the restored cluster goes on above everything that can have been seen.
 */
import { HoldfastError } from "../errors.ts";

/** What is known of the revisions that clients may have seen. */
export interface SeenRevisions {
  /** The highest on record, in any backup of the cluster that counts. */
  readonly highest: bigint;
  /** When that was, milliseconds since 1970. */
  readonly timeMs: number;
  /** Revisions a second, the most between two backups; 0 where there are not two. */
  readonly ratePerSecond: number;
}

export interface Bump {
  /** 0n for none. */
  readonly by: bigint;
  /** In words. */
  readonly reason: string;
}

/** What etcd's documentation recommends: more than a week of changes, at 1500 a second. */
const LEAST_HEADROOM = 1_000_000_000n;
/** How much faster than ever seen between backups the cluster may have been. */
const SAFETY = 2;
const HOUR_MS = 3_600_000;
/** Leaves room for as many restores as anybody may ever need. */
const HIGHEST_START = 1n << 62n;

/**
 * The bump for a restore of `revision`: past the highest revision on record, and past what can have come after it, by the
 * observed rate and the time that has gone by; at least 1 000 000 000 past it. Throws "usage" where that leads too far, as
 * only a forged or broken history does.
 */
export function chooseBump(revision: bigint, seen: SeenRevisions, nowMs: number): Bump {
  const highest = seen.highest > revision ? seen.highest : revision;
  const ageMs = Math.max(0, nowMs - seen.timeMs) + HOUR_MS;
  const perSecond = Number.isFinite(seen.ratePerSecond) ? Math.max(0, seen.ratePerSecond) : 0;
  const possible = BigInt(Math.ceil((perSecond * SAFETY * ageMs) / 1000));
  const headroom = possible > LEAST_HEADROOM ? possible : LEAST_HEADROOM;
  const by = highest - revision + headroom;
  if (revision + by > HIGHEST_START)
    throw new HoldfastError(
      "usage",
      `the revision would be raised to ${revision + by}, and there is hardly anything above that`,
      { hint: "give --bump-revision N or --exact-revision; see where such a revision comes from" },
    );
  const past =
    highest > revision
      ? `past ${highest}, the highest on record, `
      : "nothing higher is on record, ";
  const reason =
    headroom === LEAST_HEADROOM
      ? `${past}and ${grouped(headroom)} for what came after it, the least there is`
      : `${past}and ${grouped(headroom)} for what came after it: twice ${perSecond.toFixed(1)} revisions/s, the most observed, for ${hours(ageMs)}`;
  return { by, reason };
}

function grouped(value: bigint): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, " ");
}

function hours(ms: number): string {
  return `${Math.ceil(ms / HOUR_MS)} h`;
}
