/**
 * Bucket values: what a leaf element with BUCKET_ELEMENT holds.
 *
 * ```
 *   0 u64 root       page id of the bucket's tree; 0: the bucket is inline
 *   8 u64 sequence   0 in etcd
 *  16 …              inline only: the image of one leaf page (id 0, overflow 0), element positions as in any leaf
 * ```
 */
import { putU64le, u64le } from "../bytes.ts";
import { pageNumber, putPageNumber } from "./page.ts";

export const BUCKET_HEADER_BYTES = 16;

/** The root page id in a bucket value's header; 0 for an inline bucket. */
export function bucketRoot(value: Uint8Array): number {
  return pageNumber(value, 0);
}

export function bucketSequence(value: Uint8Array): bigint {
  return u64le(value, 8);
}

/** The value of a bucket whose tree is rooted at page `root`. */
export function encodeBucketHeader(root: number, sequence: bigint): Uint8Array {
  const value = new Uint8Array(BUCKET_HEADER_BYTES);
  putPageNumber(value, 0, root);
  putU64le(value, 8, sequence);
  return value;
}

/** bbolt keeps a bucket inline while its leaf page, header included, has at most this many bytes. */
export function maxInlineBytes(pageSize: number): number {
  return pageSize / 4;
}
