/**
 * Changes a few buckets of a bbolt file as bbolt itself does, by copy on write: new pages after the high-water mark, a new
 * root bucket, and last of all the metas. No page that is in use is touched.
 */
import { compareBytes, textBytes, toHex } from "../bytes.ts";
import { bucketRoot, bucketSequence, encodeBucketHeader } from "./bucket.ts";
import { ASCENDING, MAX_DEPTH, type Nodes } from "./cursor.ts";
import type { ReadAt } from "./meta.ts";
import { childAt, damaged, isBucketAt, keyAt, type Node, valueAt } from "./node.ts";
import { BUCKET_ELEMENT } from "./page.ts";
import { bucketLeaves, bucketOf, type Entry, openNodes, treeLeaves } from "./reader.ts";
import { beginTree, type Child, type PageOutput, type PageWrite } from "./tree.ts";
import { ascending, checkKey, DEFAULT_FILL, taken, writeBucket, writeMetas } from "./writer.ts";

/** Entries by bucket name, keys ascending. A bucket that is missing is made. */
export interface Edits {
  /** The bucket's whole new contents. */
  readonly replace: ReadonlyMap<string, readonly Entry[]>;
  /** Entries above all that the bucket has. */
  readonly append?: ReadonlyMap<string, readonly Entry[]>;
}

/**
 * The writes that turn the bbolt file of `size` bytes into the edited one, and the size that it must then be given.
 * In order: until the first of the two metas (the last two writes) is there, the file is the old one. Afterwards both
 * metas lead to the new state, and the freelist is not persisted.
 * Throws "snapshot-damaged" as the reader does, and "failed" for entries that bbolt would not have there.
 */
export function patchDatabase(
  readAt: ReadAt,
  size: number,
  edits: Edits,
): { writes: PageWrite[]; size: number } {
  const nodes = openNodes(readAt, size);
  const { pageSize, pages } = nodes.meta;
  const output: PageOutput = { pageSize, fill: DEFAULT_FILL, next: pages, ready: [] };
  const writes = [...editedPages(nodes, output, edits)];
  return { writes, size: output.next * pageSize };
}

function* editedPages(nodes: Nodes, output: PageOutput, edits: Edits): Generator<PageWrite> {
  const names = beginTree(output, BUCKET_ELEMENT);
  for (const place of bucketPlaces(nodes, edits))
    names.add({ key: place.name, value: yield* editBucket(nodes, output, place) });
  const root = names.finish();
  yield* taken(output);
  // Above both old metas, so that bbolt takes a new one as soon as one is there.
  const txid = nodes.meta.txid + 2n;
  yield* writeMetas({ ...nodes.meta, root, freelist: undefined, pages: output.next, txid });
}

interface Edit {
  readonly name: string;
  readonly replaced: readonly Entry[] | undefined;
  readonly appended: readonly Entry[];
}

/** A bucket's name, its value and the page where that was found (no value: it is to be made), and what to do with it. */
interface BucketPlace {
  readonly name: Uint8Array;
  readonly page: number;
  readonly value: Uint8Array | undefined;
  readonly edit: Edit | undefined;
}

/** The buckets that are there, and those that the edits add, ascending. */
function bucketPlaces(nodes: Nodes, edits: Edits): BucketPlace[] {
  const places = new Map<string, BucketPlace>();
  for (const text of [...edits.replace.keys(), ...(edits.append?.keys() ?? [])]) {
    const appended = edits.append?.get(text) ?? [];
    const edit = { name: text, replaced: edits.replace.get(text), appended };
    const name = textBytes(text);
    checkKey("the root bucket", name);
    places.set(toHex(name), { name, page: 0, value: undefined, edit });
  }
  for (const leaf of treeLeaves(nodes, nodes.meta.root)(ASCENDING)) {
    for (let i = 0; i < leaf.count; i++) {
      if (!isBucketAt(leaf, i)) continue;
      const name = keyAt(leaf, i);
      const edit = places.get(toHex(name))?.edit;
      places.set(toHex(name), { name, page: leaf.page, value: valueAt(leaf, i), edit });
    }
  }
  return [...places.values()].toSorted((a, b) => compareBytes(a.name, b.name));
}

/** The new value of a bucket; one without edits keeps its value as it is, and with it its pages. */
function* editBucket(
  nodes: Nodes,
  output: PageOutput,
  { page, value, edit }: BucketPlace,
): Generator<PageWrite, Uint8Array> {
  if (edit === undefined) return value!;
  const { name, replaced, appended } = edit;
  const sequence = value === undefined ? 0n : bucketSequence(value);
  if (value === undefined || replaced !== undefined)
    return yield* writeBucket(output, name, [...(replaced ?? []), ...appended], sequence);
  const bucket = bucketOf(bucketLeaves(nodes, page, value));
  const last = bucket.lastKey();
  if (bucketRoot(value) === 0 || last === undefined)
    return yield* writeBucket(output, name, [...bucket.entries(), ...appended], sequence);
  const tree = beginTree(output, 0, rightEdge(nodes, bucketRoot(value)));
  for (const entry of ascending(name, appended, last)) tree.add(entry);
  return encodeBucketHeader(tree.finish(), sequence);
}

/**
 * The children of the branches at the right edge of a tree with entries, the lowest first, each without the child that is
 * itself such a branch. The last leaf stays as it is: what is added goes into leaves beside it.
 */
function rightEdge(nodes: Nodes, root: number): Child[][] {
  const levels: Child[][] = [];
  let node = nodes.node(root);
  let last: Child = { key: keyAt(node, 0), page: root };
  for (; !node.leaf; node = nodes.node(last.page)) {
    if (levels.length === MAX_DEPTH)
      throw damaged(nodes.meta, last.page, `more than ${MAX_DEPTH} levels`);
    const children = childrenOf(node);
    last = children.pop()!;
    levels.unshift(children);
  }
  (levels[0] ??= []).push(last);
  return levels;
}

function childrenOf(branch: Node): Child[] {
  return Array.from({ length: branch.count }, (_, i) => ({
    key: keyAt(branch, i),
    page: childAt(branch, i),
  }));
}
