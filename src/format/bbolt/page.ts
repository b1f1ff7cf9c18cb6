/**
 * Pages of a bbolt file: header and elements, read in place and written in place. All integers little endian.
 *
 * ```
 * page header, 16 bytes, on the first page of a run
 *   0 u64 id         equals the page's position
 *   8 u16 flags      exactly one of BRANCH, LEAF, META, FREELIST
 *  10 u16 count      elements, at most MAX_ELEMENTS in branches and leaves
 *  12 u32 overflow   further pages of this run; they have no header
 * branch element, 16 bytes, from page offset 16
 *   0 u32 pos        of the key, from this element's own first byte
 *   4 u32 key size
 *   8 u64 child      page id
 * leaf element, 16 bytes, from page offset 16
 *   0 u32 flags      BUCKET_ELEMENT: the value is a bucket
 *   4 u32 pos        of the key, from this element's own first byte; the value follows the key
 *   8 u32 key size
 *  12 u32 value size
 * ```
 *
 * The readers allocate nothing and check nothing: `base` is where the page begins in `bytes`, and the caller has seen
 * that the header is there and that element `i` fits (`branchElementFits`, `leafElementFits`).
 */
import { putU16le, putU32le, u16le, u32le } from "../bytes.ts";

export const PAGE_HEADER_BYTES = 16;
export const ELEMENT_BYTES = 16;

export const BRANCH = 0x01;
export const LEAF = 0x02;
export const META = 0x04;
export const FREELIST = 0x10;

export const BUCKET_ELEMENT = 0x01;

/** bbolt panics when it writes a branch or leaf of 65535 elements. */
export const MAX_ELEMENTS = 0xfffe;
/** Keys have 1 to this many bytes. */
export const MAX_KEY_BYTES = 32768;
/** bbolt's limit is 2^31 - 2. */
export const MAX_VALUE_BYTES = 0x7ffffffe;

const HIGH = 0x1_0000_0000;

/** A u64 that counts or names pages: exact below 2^53, and never below 2^53 when the stored one is not. */
export function pageNumber(bytes: Uint8Array, at: number): number {
  return u32le(bytes, at + 4) * HIGH + u32le(bytes, at);
}

export function putPageNumber(bytes: Uint8Array, at: number, value: number): void {
  putU32le(bytes, at, value % HIGH);
  putU32le(bytes, at + 4, Math.floor(value / HIGH));
}

export function pageId(bytes: Uint8Array, base: number): number {
  return pageNumber(bytes, base);
}

export function pageFlags(bytes: Uint8Array, base: number): number {
  return u16le(bytes, base + 8);
}

export function pageCount(bytes: Uint8Array, base: number): number {
  return u16le(bytes, base + 10);
}

/** Pages of the run beyond the first. */
export function pageOverflow(bytes: Uint8Array, base: number): number {
  return u32le(bytes, base + 12);
}

export function putPageHeader(
  bytes: Uint8Array,
  base: number,
  header: { id: number; flags: number; count: number; overflow: number },
): void {
  putPageNumber(bytes, base, header.id);
  putU16le(bytes, base + 8, header.flags);
  putU16le(bytes, base + 10, header.count);
  putU32le(bytes, base + 12, header.overflow);
}

/** Where element `i` begins in `bytes`. */
export function elementStart(base: number, i: number): number {
  return base + PAGE_HEADER_BYTES + i * ELEMENT_BYTES;
}

/** Where the key of branch element `i` begins in `bytes`. */
export function branchKeyStart(bytes: Uint8Array, base: number, i: number): number {
  const element = elementStart(base, i);
  return element + u32le(bytes, element);
}

export function branchKeySize(bytes: Uint8Array, base: number, i: number): number {
  return u32le(bytes, elementStart(base, i) + 4);
}

/** The page id that branch element `i` points to. */
export function branchChild(bytes: Uint8Array, base: number, i: number): number {
  return pageNumber(bytes, elementStart(base, i) + 8);
}

/** Whether branch element `i` and its key lie inside a run of `length` bytes. */
export function branchElementFits(
  bytes: Uint8Array,
  base: number,
  i: number,
  length: number,
): boolean {
  if (elementStart(0, i + 1) > length) return false;
  return branchKeyStart(bytes, base, i) - base + branchKeySize(bytes, base, i) <= length;
}

export function putBranchElement(
  bytes: Uint8Array,
  base: number,
  i: number,
  element: { keyStart: number; keySize: number; child: number },
): void {
  const at = elementStart(base, i);
  putU32le(bytes, at, element.keyStart - at);
  putU32le(bytes, at + 4, element.keySize);
  putPageNumber(bytes, at + 8, element.child);
}

export function leafFlags(bytes: Uint8Array, base: number, i: number): number {
  return u32le(bytes, elementStart(base, i));
}

/** Where the key of leaf element `i` begins in `bytes`; its value begins `leafKeySize` later. */
export function leafKeyStart(bytes: Uint8Array, base: number, i: number): number {
  const element = elementStart(base, i);
  return element + u32le(bytes, element + 4);
}

export function leafKeySize(bytes: Uint8Array, base: number, i: number): number {
  return u32le(bytes, elementStart(base, i) + 8);
}

export function leafValueSize(bytes: Uint8Array, base: number, i: number): number {
  return u32le(bytes, elementStart(base, i) + 12);
}

/** Whether leaf element `i`, its key and its value lie inside a run of `length` bytes. */
export function leafElementFits(
  bytes: Uint8Array,
  base: number,
  i: number,
  length: number,
): boolean {
  if (elementStart(0, i + 1) > length) return false;
  const key = leafKeyStart(bytes, base, i) - base;
  return key + leafKeySize(bytes, base, i) + leafValueSize(bytes, base, i) <= length;
}

export function putLeafElement(
  bytes: Uint8Array,
  base: number,
  i: number,
  element: { flags: number; keyStart: number; keySize: number; valueSize: number },
): void {
  const at = elementStart(base, i);
  putU32le(bytes, at, element.flags);
  putU32le(bytes, at + 4, element.keyStart - at);
  putU32le(bytes, at + 8, element.keySize);
  putU32le(bytes, at + 12, element.valueSize);
}
