/** PURE. What an older etcd than the snapshot's own needs taken out of it. */
import { HoldfastError } from "../errors.ts";
import { minorOf, NEWEST_MINOR } from "../format/cluster/version.ts";

/** The minor versions that a snapshot can be prepared for. */
export const TARGET_VERSIONS = ["3.4", "3.5", "3.6", "3.7"] as const;

export type TargetVersion = (typeof TARGET_VERSIONS)[number];

/**
 * Whether members of `target` are older than the etcd that wrote the snapshot, going by the versions stored in it
 * (texts like "3.6.0"; "" where there is none, as in meta before 3.6). Text that is no version counts as newer: an old
 * etcd stops at it. Throws "target-version" for a snapshot newer than every version known here.
 */
export function isOlderTarget(target: TargetVersion, stored: readonly string[]): boolean {
  const newest = Math.max(...stored.map(minorOf));
  if (newest > NEWEST_MINOR && newest !== Infinity)
    throw new HoldfastError(
      "target-version",
      `cannot prepare the snapshot for etcd ${target}: it was written by etcd 3.${newest}, and what older ones make of that is not known`,
      { hint: "restore it with the version that wrote it, or leave --target-version out and try" },
    );
  return newest > minorOf(target);
}
