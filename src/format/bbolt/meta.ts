/**
 * Meta pages: page 0 and page 1 each hold one; the valid one with the higher transaction id counts.
 *
 * ```
 * from page offset 16 (after the page header)
 *   0 u32 magic 0xED0CDAED        24 u64 root bucket: sequence
 *   4 u32 version 2               32 u64 freelist page id, or all ones: not persisted
 *   8 u32 page size               40 u64 high-water mark: first page id never allocated
 *  12 u32 flags 0                 48 u64 transaction id
 *  16 u64 root bucket: page id    56 u64 FNV-1a-64 of meta bytes 0 to 55
 * ```
 */
import { HoldfastError } from "../../errors.ts";
import { putU32le, putU64le, u32be, u32le, u64le } from "../bytes.ts";
import { fnv1a64 } from "../fnv1a.ts";
import { META, PAGE_HEADER_BYTES, pageNumber, putPageHeader, putPageNumber } from "./page.ts";

const META_BYTES = 64;

const MAGIC = 0xed0cdaed;
const VERSION = 2;
const CHECKSUMMED_BYTES = 56;
const NOT_PERSISTED = 0xffff_ffff_ffff_ffffn;

/** bbolt looks for a second meta at 1024 << 0..14; no page size outside that can be found again. */
const MIN_PAGE_SIZE = 1024;
const MAX_PAGE_SIZE = 1024 << 14;

export interface Meta {
  /** Bytes; a power of two from 1 KiB to 16 MiB. */
  readonly pageSize: number;
  /** Page id of the root bucket's tree. */
  readonly root: number;
  /** The root bucket's sequence; 0 in etcd. */
  readonly sequence: bigint;
  /** Page id of the freelist, undefined when it is not persisted (etcd on Linux). */
  readonly freelist: number | undefined;
  /** High-water mark: pages from here on were never allocated. */
  readonly pages: number;
  readonly txid: bigint;
}

/** Reads `length` bytes at `offset`; fewer only at the end of the file. */
export type ReadAt = (offset: number, length: number) => Uint8Array;

/** The meta of the page that begins at `base`, or why there is none, in words. */
export function decodeMeta(bytes: Uint8Array, base: number): Meta | string {
  const at = base + PAGE_HEADER_BYTES;
  if (at + META_BYTES > bytes.length) return `the file ends inside it`;
  if (u32be(bytes, at) === MAGIC) return "it is big endian (made on s390x or ppc64)";
  const magic = u32le(bytes, at);
  if (magic !== MAGIC) return `found magic ${hex(magic)}, wanted ${hex(MAGIC)}`;
  const version = u32le(bytes, at + 4);
  if (version !== VERSION) return `found version ${version}, wanted ${VERSION}`;
  const checksum = fnv1a64(bytes.subarray(at, at + CHECKSUMMED_BYTES));
  const stored = u64le(bytes, at + CHECKSUMMED_BYTES);
  if (stored !== checksum) return `found checksum ${hex(stored)}, wanted ${hex(checksum)}`;
  const pageSize = u32le(bytes, at + 8);
  if (!isPageSize(pageSize)) return `found page size ${pageSize}, wanted a power of two`;
  return {
    pageSize,
    root: pageNumber(bytes, at + 16),
    sequence: u64le(bytes, at + 24),
    freelist: u64le(bytes, at + 32) === NOT_PERSISTED ? undefined : pageNumber(bytes, at + 32),
    pages: pageNumber(bytes, at + 40),
    txid: u64le(bytes, at + 48),
  };
}

/** The page (0 or 1) that holds `meta`: `meta.pageSize` bytes. */
export function encodeMeta(id: 0 | 1, meta: Meta): Uint8Array {
  const page = new Uint8Array(meta.pageSize);
  putPageHeader(page, 0, { id, flags: META, count: 0, overflow: 0 });
  const at = PAGE_HEADER_BYTES;
  putU32le(page, at, MAGIC);
  putU32le(page, at + 4, VERSION);
  putU32le(page, at + 8, meta.pageSize);
  putPageNumber(page, at + 16, meta.root);
  putU64le(page, at + 24, meta.sequence);
  if (meta.freelist === undefined) putU64le(page, at + 32, NOT_PERSISTED);
  else putPageNumber(page, at + 32, meta.freelist);
  putPageNumber(page, at + 40, meta.pages);
  putU64le(page, at + 48, meta.txid);
  putU64le(page, at + CHECKSUMMED_BYTES, fnv1a64(page.subarray(at, at + CHECKSUMMED_BYTES)));
  return page;
}

/** Of two metas the one that counts: the higher transaction id, the first on a tie; undefined when neither is valid. */
export function newerMeta(first: Meta | string, second: Meta | string): Meta | undefined {
  if (typeof first === "string") return typeof second === "string" ? undefined : second;
  return typeof second === "string" || second.txid <= first.txid ? first : second;
}

/**
 * The meta that counts in a file of `size` bytes: meta 0 tells where meta 1 is; when it is broken, meta 1 is looked
 * for at every page size from MIN_PAGE_SIZE to MAX_PAGE_SIZE. Says nothing yet about where the meta points.
 * Throws "snapshot-damaged" with both reasons when neither is valid.
 */
export function readMeta(readAt: ReadAt, size: number): Meta {
  const first = metaAt(readAt, size, 0);
  const second =
    typeof first === "string" ? searchSecond(readAt, size) : secondAt(readAt, size, first.pageSize);
  const meta = newerMeta(first, second);
  if (meta !== undefined) return meta;
  throw new HoldfastError(
    "snapshot-damaged",
    `cannot open the bbolt file: meta page 0 at offset 0: ${String(first)}; meta page 1: ${String(second)}`,
    { hint: "check that this is an uncompressed etcd snapshot or db file; take another snapshot" },
  );
}

function metaAt(readAt: ReadAt, size: number, offset: number): Meta | string {
  const length = Math.min(PAGE_HEADER_BYTES + META_BYTES, size - offset);
  return length <= 0 ? "the file ends before it" : decodeMeta(readAt(offset, length), 0);
}

/** A meta 1 counts only where its own page size puts it: a value may hold the image of another file's meta. */
function secondAt(readAt: ReadAt, size: number, pageSize: number): Meta | string {
  const second = metaAt(readAt, size, pageSize);
  if (typeof second === "string" || second.pageSize === pageSize) return second;
  return `found page size ${second.pageSize} at offset ${pageSize}`;
}

function searchSecond(readAt: ReadAt, size: number): Meta | string {
  for (let pageSize = MIN_PAGE_SIZE; pageSize <= MAX_PAGE_SIZE; pageSize *= 2) {
    const second = secondAt(readAt, size, pageSize);
    if (typeof second !== "string") return second;
  }
  return `not found at any page size from ${MIN_PAGE_SIZE} to ${MAX_PAGE_SIZE}`;
}

/** Whether a page size is one that bbolt can find again: a power of two in the range above. */
export function isPageSize(value: number): boolean {
  return value >= MIN_PAGE_SIZE && value <= MAX_PAGE_SIZE && Number.isInteger(Math.log2(value));
}

function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
