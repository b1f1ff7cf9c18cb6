/**
 * The freelist page: the ids of free pages, ascending, as u64 from page offset 16. `count` of the page header is their
 * number; from 0xFFFF ids on it is 0xFFFF and the first u64 is the number instead.
 */
import {
  pageCount,
  pageNumber,
  PAGE_HEADER_BYTES,
  FREELIST,
  putPageHeader,
  putPageNumber,
} from "./page.ts";

const ID_BYTES = 8;
const COUNT_ELSEWHERE = 0xffff;

/** How many ids the page at `base` claims to hold; its first 24 bytes must be there. */
export function freelistCount(bytes: Uint8Array, base: number): number {
  const count = pageCount(bytes, base);
  return count === COUNT_ELSEWHERE ? pageNumber(bytes, base + PAGE_HEADER_BYTES) : count;
}

/** Id `i` of the page at `base`; the caller has seen `freelistFits`. */
export function freelistId(bytes: Uint8Array, base: number, i: number): number {
  return pageNumber(bytes, base + idsStart(pageCount(bytes, base)) + i * ID_BYTES);
}

/** Whether all claimed ids lie inside a run of `length` bytes (at least 24). */
export function freelistFits(bytes: Uint8Array, base: number, length: number): boolean {
  return idsStart(pageCount(bytes, base)) + freelistCount(bytes, base) * ID_BYTES <= length;
}

/** The page run that holds `ids` (ascending), zero-padded to whole pages. */
export function encodeFreelist(id: number, ids: readonly number[], pageSize: number): Uint8Array {
  const count = Math.min(ids.length, COUNT_ELSEWHERE);
  const start = idsStart(count);
  const pages = Math.ceil((start + ids.length * ID_BYTES) / pageSize);
  const run = new Uint8Array(pages * pageSize);
  putPageHeader(run, 0, { id, flags: FREELIST, count, overflow: pages - 1 });
  if (count === COUNT_ELSEWHERE) putPageNumber(run, PAGE_HEADER_BYTES, ids.length);
  for (let i = 0; i < ids.length; i++) putPageNumber(run, start + i * ID_BYTES, ids[i]!);
  return run;
}

function idsStart(count: number): number {
  return count === COUNT_ELSEWHERE ? PAGE_HEADER_BYTES + ID_BYTES : PAGE_HEADER_BYTES;
}
