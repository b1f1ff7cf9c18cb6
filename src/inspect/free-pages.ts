import type { Meta } from "../format/bbolt/meta.ts";
import type { Findings } from "./findings.ts";
import { PageSet } from "./page-set.ts";
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
  const free = ids && readIds(meta, ids, tree, findings);
  // Only now: that it names its own pages is no matter, they are free as soon as it is written anew.
  tree.enterFreelist(meta.freelist);
  if (free === undefined) return;
  for (let page = 2; page < meta.pages && page < tree.pagesRead; page++) {
    if (free.has(page) || tree.isReached(page)) continue;
    const where = { page, offset: page * meta.pageSize };
    findings.add("freelist-invalid", where, `page ${page} is neither in use nor on the freelist`);
  }
}

function readIds(meta: Meta, ids: readonly number[], tree: Tree, findings: Findings): PageSet {
  const free = new PageSet(tree.pagesRead);
  for (const page of ids) {
    const problem =
      page < 2 || page >= meta.pages
        ? `there are pages 2 to ${meta.pages - 1}`
        : free.has(page)
          ? "it is there twice"
          : tree.isReached(page)
            ? "it is in use"
            : undefined;
    free.add(page);
    if (problem === undefined) continue;
    const text = `the freelist names page ${page}, but ${problem}`;
    // bbolt's own check does not mind a page that is not there, nor do servers: they write the list anew.
    const severity = page >= meta.pages ? "warning" : "error";
    findings.add("freelist-invalid", { page: meta.freelist! }, text, severity);
  }
  return free;
}
