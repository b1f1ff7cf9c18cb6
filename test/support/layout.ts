/** Where the pages of a database lie: the same tree in any order, with anything between its pages. */
import { encodeMeta, readMeta } from "../../src/format/bbolt/meta.ts";
import {
  BRANCH,
  branchChild,
  BUCKET_ELEMENT,
  elementStart,
  LEAF,
  leafFlags,
  leafKeySize,
  leafKeyStart,
  pageCount,
  pageFlags,
  pageNumber,
  pageOverflow,
  putLeafElement,
  putPageHeader,
  putPageNumber,
} from "../../src/format/bbolt/page.ts";
import { writeMetas } from "../../src/format/bbolt/writer.ts";
import { applied, readAtOf } from "./database.ts";

/** The pages of one branch or leaf. */
export interface Run {
  readonly page: number;
  readonly pages: number;
}

/** A run after some free pages. */
export interface Placed {
  readonly run: Run;
  readonly gap: number;
}

/** The runs of a file as our writer makes it: one after the other, none free. */
export function runsOf(file: Uint8Array): Run[] {
  const { pageSize, pages } = readMeta(readAtOf(file), file.length);
  const runs: Run[] = [];
  for (let page = 2; page < pages; page += runs.at(-1)!.pages)
    runs.push({ page, pages: pageOverflow(file, page * pageSize) + 1 });
  return runs;
}

/** Ids of free pages, and how to fill them: called once a page, after all others are in place. */
export type FillFree = (file: Uint8Array, page: number, pages: number) => void;

/**
 * The database `file` (of our writer, freelist not persisted) with its runs at other places, and `behind` free pages
 * after the last.
 */
export function laidOut(
  file: Uint8Array,
  placed: readonly Placed[],
  fillFree: FillFree = () => {},
  behind = 0,
): Uint8Array<ArrayBuffer> {
  const meta = readMeta(readAtOf(file), file.length);
  const { pageSize } = meta;
  const places = new Map<number, number>();
  const free: number[] = [];
  let next = 2;
  const leaveFree = (count: number): void => {
    for (let i = 0; i < count; i++) free.push(next++);
  };
  for (const { run, gap } of placed) {
    leaveFree(gap);
    places.set(run.page, next);
    next += run.pages;
  }
  leaveFree(behind);
  const out = new Uint8Array(next * pageSize);
  for (const { run } of placed) {
    const to = places.get(run.page)! * pageSize;
    out.set(file.subarray(run.page * pageSize, (run.page + run.pages) * pageSize), to);
    movePointers(out, to, places, run.page === meta.root || isBelow(file, meta, run.page));
  }
  const moved = { ...meta, root: places.get(meta.root)!, pages: next };
  const database = applied(out, writeMetas(moved), out.length);
  for (const page of free) fillFree(database, page, next);
  return database;
}

/** Whether a page belongs to the tree of the root bucket itself. */
function isBelow(
  file: Uint8Array,
  meta: { root: number; pageSize: number },
  page: number,
): boolean {
  const base = meta.root * meta.pageSize;
  if (pageFlags(file, base) !== BRANCH) return false;
  return Array.from({ length: pageCount(file, base) }, (_, i) =>
    branchChild(file, base, i),
  ).includes(page);
}

function movePointers(
  out: Uint8Array,
  base: number,
  places: ReadonlyMap<number, number>,
  isRoot: boolean,
): void {
  putPageNumber(out, base, places.get(pageNumber(out, base))!);
  for (let i = 0; i < pageCount(out, base); i++) {
    if (pageFlags(out, base) === BRANCH) {
      const at = elementStart(base, i) + 8;
      putPageNumber(out, at, places.get(pageNumber(out, at))!);
    } else if (isRoot && (leafFlags(out, base, i) & BUCKET_ELEMENT) !== 0) {
      const at = leafKeyStart(out, base, i) + leafKeySize(out, base, i);
      const root = pageNumber(out, at);
      if (root !== 0) putPageNumber(out, at, places.get(root)!);
    }
  }
}

export interface FakeElement {
  /** Of the key, from the start of the file. */
  readonly keyStart: number;
  readonly keySize: number;
  readonly valueSize: number;
}

/** Writes a leaf page's header and elements; what lies behind stays. */
export function putFakeLeaf(
  file: Uint8Array,
  pageSize: number,
  page: { id: number; overflow: number; count?: number },
  elements: readonly FakeElement[],
): void {
  const base = page.id * pageSize;
  const count = page.count ?? elements.length;
  putPageHeader(file, base, { id: page.id, flags: LEAF, count, overflow: page.overflow });
  for (const [i, element] of elements.entries())
    putLeafElement(file, base, i, { flags: 0, ...element });
}

/** Writes both metas anew, with some numbers changed. */
export function putMetas(
  file: Uint8Array,
  changes: Partial<Parameters<typeof encodeMeta>[1]>,
): void {
  const meta = { ...readMeta(readAtOf(file), file.length), ...changes };
  for (const { offset, bytes } of writeMetas(meta)) file.set(bytes, offset);
}
