import type { Meta } from "../format/bbolt/meta.ts";
import type { Findings } from "./findings.ts";
import type { Tree } from "./tree.ts";

/**
 * Whether a persisted freelist agrees with the trees: every page free or reached, none both, none twice. Without one
 * (etcd on Linux) all unreached pages are free, and there is nothing to disagree.
 */
export function checkFreelist(
  meta: Meta,
  ids: readonly number[] | undefined,
  tree: Tree,
  findings: Findings,
): void {
  if (meta.freelist === undefined) return;
  tree.enterFreelist(meta.freelist);
  if (ids === undefined) return;
  const free = new Set<number>();
  for (const page of ids) {
    const where = { page, offset: page * meta.pageSize };
    if (page < 2 || page >= meta.pages)
      findings.add(
        "freelist-invalid",
        { page: meta.freelist },
        `the freelist names page ${page}, wanted 2 to ${meta.pages - 1}`,
      );
    else if (free.has(page))
      findings.add("freelist-invalid", where, `page ${page} is on the freelist twice`);
    else if (tree.isReached(page))
      findings.add("freelist-invalid", where, `page ${page} is on the freelist, but in use`);
    free.add(page);
  }
  for (let page = 2; page < meta.pages && tree.hasRead(page); page++) {
    if (free.has(page) || tree.isReached(page)) continue;
    const where = { page, offset: page * meta.pageSize };
    findings.add("freelist-invalid", where, `page ${page} is neither in use nor on the freelist`);
  }
}
