/** Walks the leaves of one bbolt tree in key order, in either direction, in time linear in the file even when it is hostile. */
import type { Meta, ReadAt } from "./meta.ts";
import { childAt, childIndex, damaged, type Node, readNode } from "./node.ts";

/** Nodes by page id, bounds-checked; throws "snapshot-damaged". */
export interface Nodes {
  readonly meta: Meta;
  node(page: number): Node;
}

/** Most branches on a way from root to leaf: with two children each, so many need more pages than any file has. */
export const MAX_DEPTH = 64;
const CACHE_BYTES = 4 << 20;

/** Nodes of a file, the last few single pages kept. */
export function nodesOf(readAt: ReadAt, meta: Meta): Nodes {
  const kept = new Map<number, Node>();
  const room = Math.max(16, CACHE_BYTES / meta.pageSize);
  return {
    meta,
    node(page) {
      const known = kept.get(page);
      if (known !== undefined) return known;
      const node = readNode(readAt, meta, page);
      if (node.bytes.length > meta.pageSize) return node;
      if (kept.size >= room) kept.delete(kept.keys().next().value!);
      kept.set(page, node);
      return node;
    },
  };
}

/** What to do at each branch on the way: where to enter it, and which way to go on. */
export interface Course {
  readonly step: 1 | -1;
  enter(branch: Node): number;
}

/** All leaves in ascending order. */
export const ASCENDING: Course = { step: 1, enter: () => 0 };
/** All leaves in descending order. */
export const DESCENDING: Course = { step: -1, enter: (branch) => branch.count - 1 };

/** Ascending from the leaf in which `key` lies. */
export function ascendingFrom(key: Uint8Array): Course {
  // Branches after the first way down have only keys above this one: there the search ends at their first element.
  return { step: 1, enter: (branch) => childIndex(branch, key) };
}

/**
 * Leaves of the tree rooted at page `root`, empty ones included. A page that is met more often than a tree allows
 * (cycles, shared or overlapping runs) throws "snapshot-damaged" once more pages were visited than the file has.
 */
export function* leaves(nodes: Nodes, root: number, course: Course): Generator<Node> {
  const { meta } = nodes;
  const path: { branch: Node; at: number }[] = [];
  let visited = 0;
  for (let page: number | undefined = root; page !== undefined;) {
    const node = nodes.node(page);
    visited += node.bytes.length / meta.pageSize;
    if (visited > meta.pages) throw damaged(meta, page, "pages are referenced more than once");
    if (node.leaf) {
      yield node;
      page = nextChild(path, course.step);
    } else {
      if (path.length === MAX_DEPTH) throw damaged(meta, page, `more than ${MAX_DEPTH} levels`);
      const at = course.enter(node);
      path.push({ branch: node, at });
      page = childAt(node, at);
    }
  }
}

function nextChild(path: { branch: Node; at: number }[], step: 1 | -1): number | undefined {
  for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
    top.at += step;
    if (top.at >= 0 && top.at < top.branch.count) return childAt(top.branch, top.at);
    path.pop();
  }
  return undefined;
}
