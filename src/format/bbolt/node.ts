/**
 * One branch or leaf of a bbolt tree, read and bounds-checked as a whole: after that, its elements can be taken without
 * looking again.
 */
import { HoldfastError } from "../../errors.ts";
import { BUCKET_HEADER_BYTES } from "./bucket.ts";
import type { Meta, ReadAt } from "./meta.ts";
import {
  BRANCH,
  branchChild,
  branchElementFits,
  branchKeySize,
  branchKeyStart,
  BUCKET_ELEMENT,
  LEAF,
  leafElementFits,
  leafFlags,
  leafKeySize,
  leafKeyStart,
  leafValueSize,
  PAGE_HEADER_BYTES,
  pageCount,
  pageFlags,
  pageId,
  pageOverflow,
} from "./page.ts";

export interface Node {
  /** Page id; of an inline bucket, that of the page it lies in. */
  readonly page: number;
  /** The pages of the run, or the value of an inline bucket. */
  readonly bytes: Uint8Array;
  /** Where the page header begins in `bytes`. */
  readonly base: number;
  readonly leaf: boolean;
  readonly count: number;
}

/** Reads page `id` of a file that is as long as its meta says. Throws "snapshot-damaged" at the first thing that is off. */
export function readNode(readAt: ReadAt, meta: Meta, id: number): Node {
  if (!(id >= 2 && id < meta.pages))
    throw damaged(meta, id, `the page is outside the file, pages 2 to ${meta.pages - 1}`);
  const offset = id * meta.pageSize;
  let bytes = readAt(offset, meta.pageSize);
  if (bytes.length < meta.pageSize) throw damaged(meta, id, "the file ends inside the page");
  if (pageId(bytes, 0) !== id)
    throw damaged(meta, id, `found id ${pageId(bytes, 0)}, wanted ${id}`);
  const flags = pageFlags(bytes, 0);
  if (flags !== BRANCH && flags !== LEAF)
    throw damaged(meta, id, `found flags 0x${flags.toString(16)}, wanted a branch or a leaf`);
  const overflow = pageOverflow(bytes, 0);
  if (id + overflow >= meta.pages)
    throw damaged(meta, id, `its ${overflow} overflow pages go past page ${meta.pages - 1}`);
  if (overflow > 0) {
    const length = (overflow + 1) * meta.pageSize;
    bytes = readAt(offset, length);
    if (bytes.length < length) throw damaged(meta, id, "the file ends inside the page's overflow");
  }
  const node = { page: id, bytes, base: 0, leaf: flags === LEAF, count: pageCount(bytes, 0) };
  checkElements(meta, node);
  return node;
}

/** The leaf inside the value of an inline bucket, found on page `page`. Throws "snapshot-damaged". */
export function inlineNode(meta: Meta, page: number, value: Uint8Array): Node {
  const base = BUCKET_HEADER_BYTES;
  if (value.length < base + PAGE_HEADER_BYTES)
    throw damaged(meta, page, `an inline bucket has ${value.length} bytes, wanted 32 or more`);
  const flags = pageFlags(value, base);
  if (flags !== LEAF)
    throw damaged(meta, page, `an inline bucket has flags 0x${flags.toString(16)}, wanted a leaf`);
  const node = { page, bytes: value, base, leaf: true, count: pageCount(value, base) };
  checkElements(meta, node);
  return node;
}

function checkElements(meta: Meta, node: Node): void {
  const { bytes, base, leaf, count } = node;
  if (!leaf && count === 0) throw damaged(meta, node.page, "a branch has no elements");
  const fits = leaf ? leafElementFits : branchElementFits;
  const length = bytes.length - base;
  for (let i = 0; i < count; i++) {
    if (!fits(bytes, base, i, length))
      throw damaged(meta, node.page, `element ${i} of ${count} goes past the page's end`);
  }
}

/** The error for page `page` of the file, with its byte offset; `what` says what is wrong there. */
export function damaged(meta: Meta, page: number, what: string): HoldfastError {
  return new HoldfastError(
    "snapshot-damaged",
    `cannot read the bbolt file: page ${page} at offset ${page * meta.pageSize}: ${what}`,
    { hint: "`holdfast inspect FILE` lists everything that is wrong with it" },
  );
}

/** Key of element `i`: a view. */
export function keyAt(node: Node, i: number): Uint8Array {
  const { bytes, base } = node;
  const start = node.leaf ? leafKeyStart(bytes, base, i) : branchKeyStart(bytes, base, i);
  return bytes.subarray(start, start + keySizeAt(node, i));
}

function keySizeAt(node: Node, i: number): number {
  return node.leaf
    ? leafKeySize(node.bytes, node.base, i)
    : branchKeySize(node.bytes, node.base, i);
}

/** Value of leaf element `i`: a view. */
export function valueAt(node: Node, i: number): Uint8Array {
  const { bytes, base } = node;
  const start = leafKeyStart(bytes, base, i) + leafKeySize(bytes, base, i);
  return bytes.subarray(start, start + leafValueSize(bytes, base, i));
}

/** Whether leaf element `i` holds a bucket. */
export function isBucketAt(node: Node, i: number): boolean {
  return (leafFlags(node.bytes, node.base, i) & BUCKET_ELEMENT) !== 0;
}

/** Page id that branch element `i` points to; not checked yet. */
export function childAt(node: Node, i: number): number {
  return branchChild(node.bytes, node.base, i);
}

/** Index of the first element whose key is not below `key`; `count` when all are. */
export function lowerBound(node: Node, key: Uint8Array): number {
  let low = 0;
  let high = node.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeyAt(node, middle, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the branch element below which `key` lies: the last whose key is not above it, or the first. */
export function childIndex(node: Node, key: Uint8Array): number {
  const bound = lowerBound(node, key);
  if (bound < node.count && compareKeyAt(node, bound, key) === 0) return bound;
  return Math.max(0, bound - 1);
}

/** Bytewise order of element `i`'s key and `key`, without a view. */
export function compareKeyAt(node: Node, i: number, key: Uint8Array): number {
  const { bytes, base } = node;
  const start = node.leaf ? leafKeyStart(bytes, base, i) : branchKeyStart(bytes, base, i);
  const size = keySizeAt(node, i);
  const shared = Math.min(size, key.length);
  for (let at = 0; at < shared; at++) {
    const difference = bytes[start + at]! - key[at]!;
    if (difference !== 0) return difference;
  }
  return size - key.length;
}
