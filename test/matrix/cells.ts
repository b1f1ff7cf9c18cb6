/** What the matrix consists of: the axes, what they exclude, and the cells that are run. */
import { ETCD_LINES } from "../support/etcd.ts";
import type { EtcdLine } from "../support/etcd.ts";
import { allPairs, product } from "./pairs.ts";
import type { Exclusion, Row } from "./pairs.ts";

/** The snapshot: where it comes from and what it is like. */
export const SOURCE_AXES = {
  source: ETCD_LINES,
  members: [1, 3],
  security: ["plain", "TLS and auth"],
  contents: [
    "empty",
    "leases",
    "tombstones",
    "compacted",
    "compacted, then all deleted",
    "all deleted, then compacted",
    "defragmented",
    "NOSPACE alarm",
    "1.4 MB value",
  ],
  /** Bytes of a page; "own" is what the server makes, 4096 where the machine's pages are that large. */
  pages: ["own", 16384, 65536],
  /** Servers never write theirs: a persisted one was written into the file later, as other tools of bbolt do. */
  freelist: ["as sent", "persisted"],
} as const;

/** The cluster that it is restored to. */
export const RESTORE_AXES = {
  target: ETCD_LINES,
  restoredMembers: [1, 3],
  revision: ["kept", "bumped"],
} as const;

const NEWEST: EtcdLine = "3.7";

const AXES = { ...SOURCE_AXES, ...RESTORE_AXES };

export type Source = Row<typeof SOURCE_AXES>;
export type Restore = Row<typeof RESTORE_AXES>;

/** One snapshot and all that is restored from it. */
export interface Cell {
  readonly source: Source;
  readonly restores: readonly Restore[];
}

type Excluded = readonly Exclusion<Row<typeof AXES>>[];

export const EXCLUSIONS: Excluded = [
  {
    reason:
      "an older server may stop at what a newer one wrote; --target-version has its own tests",
    excludes: ({ source, target }) =>
      source !== undefined && target !== undefined && target < source,
  },
  {
    reason: "a defragmentation makes the file anew, with the machine's page size",
    excludes: ({ contents, pages }) =>
      contents === "defragmented" && pages !== undefined && pages !== "own",
  },
];

const IN_PAIRS: Excluded = [
  ...EXCLUSIONS,
  {
    reason: "every cell is restored on its own version as well; the axis is for a newer one",
    excludes: ({ source, target }) =>
      source !== undefined && target === source && source !== NEWEST,
  },
];

/** In few cells every pair of values; each is restored on its own version too, the other way. */
export function pairwise(): Cell[] {
  return allPairs(AXES, IN_PAIRS).map((row) => {
    const { target, restoredMembers, revision, ...source } = row;
    const same: Restore = {
      target: source.source,
      restoredMembers: restoredMembers === 1 ? 3 : 1,
      revision: revision === "kept" ? "bumped" : "kept",
    };
    return { source, restores: [same, { target, restoredMembers, revision }] };
  });
}

/**
 * Every version, number of members and security with every contents and every form of the file, each restored in every
 * way. Forms that no server makes by itself hold the contents that use most of a file; the pairs mix the others.
 */
export function whole(): Cell[] {
  const sources = product(SOURCE_AXES, EXCLUSIONS).filter(
    ({ contents, pages, freelist }) =>
      contents === "compacted" || (pages === "own" && freelist === "as sent"),
  );
  return sources.map((source) => ({
    source,
    restores: product(RESTORE_AXES).filter(({ target }) => target >= source.source),
  }));
}

/** What is asked for by `HOLDFAST_MATRIX`: the pairs, or the `whole` product and the pairs. */
export function cellsOf(line: EtcdLine): Cell[] {
  const all = process.env["HOLDFAST_MATRIX"] === "whole" ? [...whole(), ...pairwise()] : pairwise();
  return all.filter(({ source }) => source.source === line);
}

/** The name of a snapshot, as in `3.4 ×3, TLS and auth, leases, pages of 16384, freelist persisted`. */
export function sourceName({
  source,
  members,
  security,
  contents,
  pages,
  freelist,
}: Source): string {
  return [
    `${source} ×${members}`,
    security,
    contents,
    `${pages === "own" ? "own pages" : `pages of ${pages}`}`,
    `freelist ${freelist}`,
  ].join(", ");
}

/** As in `on 3.6 ×1, bumped`. */
export function restoreName({ target, restoredMembers, revision }: Restore): string {
  return `on ${target} ×${restoredMembers}, ${revision}`;
}
