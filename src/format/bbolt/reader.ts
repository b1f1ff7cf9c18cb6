/** Reads a bbolt file page by page through `ReadAt`; memory is a few pages, whatever the file's size. */
import { HoldfastError } from "../../errors.ts";
import { textBytes } from "../bytes.ts";
import { bucketRoot, BUCKET_HEADER_BYTES } from "./bucket.ts";
import {
  ASCENDING,
  ascendingFrom,
  type Course,
  DESCENDING,
  leaves,
  type Nodes,
  nodesOf,
} from "./cursor.ts";
import { type Meta, type ReadAt, readMeta } from "./meta.ts";
import {
  compareKeyAt,
  damaged,
  inlineNode,
  isBucketAt,
  keyAt,
  lowerBound,
  type Node,
  valueAt,
} from "./node.ts";

export type { Meta, ReadAt } from "./meta.ts";

/** One key and its value: views of the file's bytes. */
export interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export interface Database {
  readonly meta: Meta;
  /** Names of the buckets of the root bucket, ascending. */
  bucketNames(): Iterable<Uint8Array>;
  bucket(name: string): Bucket | undefined;
}

export interface Bucket {
  /** Entries with keys not below `from`, ascending; a nested bucket (etcd has none) shows as an empty value, as in bbolt. */
  entries(from?: Uint8Array): Iterable<Entry>;
  get(key: Uint8Array): Uint8Array | undefined;
  lastKey(): Uint8Array | undefined;
}

const NOTHING = new Uint8Array(0);

/**
 * Opens a bbolt file of `size` bytes (without a snapshot's trailer). Bytes that `readAt` returned must stay as they are.
 * This and every read through the result throws "snapshot-damaged", with page and offset, when a page does not hold
 * what the format wants; the order of keys, and pages shared between buckets, are not looked at.
 */
export function openDatabase(readAt: ReadAt, size: number): Database {
  const nodes = openNodes(readAt, size);
  const root = treeLeaves(nodes, nodes.meta.root);
  return {
    meta: nodes.meta,
    *bucketNames() {
      for (const leaf of root(ASCENDING))
        for (let i = 0; i < leaf.count; i++) if (isBucketAt(leaf, i)) yield keyAt(leaf, i);
    },
    bucket(name) {
      const found = find(root, textBytes(name));
      if (found === undefined || !isBucketAt(found.leaf, found.i)) return undefined;
      return bucketOf(bucketLeaves(nodes, found.leaf.page, valueAt(found.leaf, found.i)));
    },
  };
}

/** The nodes of a file of `size` bytes that is at least as long as its meta says. Throws "snapshot-damaged". */
export function openNodes(readAt: ReadAt, size: number): Nodes {
  const meta = readMeta(readAt, size);
  const wanted = meta.pages * meta.pageSize;
  if (wanted <= size) return nodesOf(readAt, meta);
  throw new HoldfastError(
    "snapshot-damaged",
    `cannot read the bbolt file: it ends at offset ${size}, wanted ${meta.pages} pages of ${meta.pageSize} bytes, ${wanted} in all`,
    { hint: "the file is cut off: copy it again, or take another snapshot" },
  );
}

/** The leaves of one bucket, walked anew at each call. */
export type Leaves = (course: Course) => Iterable<Node>;

/** The leaves of the tree rooted at page `root`. */
export function treeLeaves(nodes: Nodes, root: number): Leaves {
  return (course) => leaves(nodes, root, course);
}

/** The leaves of the bucket that `value`, found on page `page`, describes. Throws "snapshot-damaged". */
export function bucketLeaves(nodes: Nodes, page: number, value: Uint8Array): Leaves {
  if (value.length < BUCKET_HEADER_BYTES)
    throw damaged(nodes.meta, page, `a bucket has ${value.length} bytes, wanted 16 or more`);
  if (bucketRoot(value) !== 0) return treeLeaves(nodes, bucketRoot(value));
  const only = inlineNode(nodes.meta, page, value);
  return () => [only];
}

/** The bucket that has these leaves. */
export function bucketOf(leavesBy: Leaves): Bucket {
  return {
    entries: (from) => entriesOf(leavesBy, from),
    get(key) {
      const found = find(leavesBy, key);
      return found && entryAt(found.leaf, found.i).value;
    },
    lastKey() {
      for (const leaf of leavesBy(DESCENDING))
        if (leaf.count > 0) return keyAt(leaf, leaf.count - 1);
      return undefined;
    },
  };
}

function* entriesOf(leavesBy: Leaves, from: Uint8Array | undefined): Generator<Entry> {
  let below = from;
  for (const leaf of leavesBy(from === undefined ? ASCENDING : ascendingFrom(from))) {
    const first = below === undefined ? 0 : lowerBound(leaf, below);
    below = undefined;
    for (let i = first; i < leaf.count; i++) yield entryAt(leaf, i);
  }
}

function entryAt(leaf: Node, i: number): Entry {
  return { key: keyAt(leaf, i), value: isBucketAt(leaf, i) ? NOTHING : valueAt(leaf, i) };
}

function find(leavesBy: Leaves, key: Uint8Array): { leaf: Node; i: number } | undefined {
  for (const leaf of leavesBy(ascendingFrom(key))) {
    const i = lowerBound(leaf, key);
    return i < leaf.count && compareKeyAt(leaf, i, key) === 0 ? { leaf, i } : undefined;
  }
  return undefined;
}
