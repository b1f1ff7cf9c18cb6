/**
 * Lineages: runs of revisions of one cluster name that never fall. A cluster that was restored or rebuilt under the same
 * name starts the next one, so that its low revisions come after the high ones of before.
 */
import { HoldfastError } from "../errors.ts";
import { compareNewestFirst } from "../policy/retention.ts";
import { MOST_LINEAGE, type BackupName } from "./layout.ts";

/** What is known of a cluster at some backup. */
export interface Standing {
  readonly revision: bigint;
  /** Hexadecimal; undefined where nobody knows, as of an imported snapshot. */
  readonly clusterId: string | undefined;
}

/** The lineage of a backup that is taken now, after the newest one seen; 1 for the first. */
export function nextLineage(
  newest: (Standing & { readonly lineage: number }) | undefined,
  taken: Standing,
): number {
  if (newest === undefined) return 1;
  const isOther =
    newest.clusterId !== undefined &&
    taken.clusterId !== undefined &&
    newest.clusterId !== taken.clusterId;
  return isOther || taken.revision < newest.revision ? raised(newest.lineage) : newest.lineage;
}

type Placed = Pick<BackupName, "id" | "lineage" | "revision" | "time">;

/**
 * The lineage of a snapshot from the past, among the backups that there are already. Only here a clock has a say, since
 * nothing else tells where it belongs: it never comes out newer than a backup that was taken after it. What fits
 * nowhere else goes into lineage 0, before everything.
 *
 * @param isTimeKnown false for a guess, as the time of a file: then it starts no lineage of its own
 */
export function lineageOfImport(
  backups: readonly Placed[],
  snapshot: Omit<Placed, "id" | "lineage">,
  isTimeKnown: boolean,
): number {
  const { time, revision } = snapshot;
  const oldestAfter = backups
    .filter((one) => one.time > time)
    .toSorted(compareNewestFirst)
    .at(-1);
  const [newestBefore] = backups.filter((one) => one.time <= time).toSorted(compareNewestFirst);
  if (oldestAfter === undefined) {
    if (newestBefore === undefined || isTimeKnown)
      return nextLineage(newestBefore && { ...newestBefore, clusterId: undefined }, {
        revision,
        clusterId: undefined,
      });
    return newestBefore.lineage;
  }
  const { lineage } = oldestAfter;
  const highest = revision <= oldestAfter.revision ? lineage : Math.max(0, lineage - 1);
  const joins = newestBefore !== undefined && revision >= newestBefore.revision;
  return joins ? Math.min(newestBefore.lineage, highest) : highest;
}

function raised(lineage: number): number {
  if (lineage < MOST_LINEAGE) return lineage + 1;
  throw new HoldfastError("failed", `the lineage ${lineage} is the last one that a name can hold`, {
    hint: "that many restores are unlikely: look for a forged backup in `holdfast list`",
  });
}
