import {
  BRANCH,
  branchChild,
  branchElementFits,
  branchKeySize,
  branchKeyStart,
  BUCKET_ELEMENT,
  ELEMENT_BYTES,
  FREELIST,
  LEAF,
  pageCount,
  pageFlags,
  pageId,
  pageOverflow,
  PAGE_HEADER_BYTES,
} from "../format/bbolt/page.ts";
import { freelistCount, freelistFits, freelistId } from "../format/bbolt/freelist.ts";
import type { Meta } from "../format/bbolt/meta.ts";
import { u32le } from "../format/bytes.ts";
import { shiftCrc32c, type Crc32c } from "../format/crc32c.ts";
import { Candidates, ELEMENT, FAULT, NOT_CONTIGUOUS, PAGE, RUN } from "./candidates.ts";

/** Why a page cannot be the branch or leaf its place in the tree wants. */
export const REASON = {
  ID: 1,
  FLAGS: 2,
  OVERFLOW: 3,
  TABLE: 4,
  ELEMENT: 5,
  TOO_LARGE: 6,
  OUT_OF_REACH: 7,
  TOO_MUCH: 8,
} as const;

/** Larger rows and runs read in one piece are not looked at: etcd's own limit is 1.5 MiB, seldom raised to tens. */
const LONGEST_PIECE = 64 << 20;

/** What waits for bytes further on: a row that ends there, a branch or a freelist that spans pages. */
interface Waiting {
  /** The window must still hold the bytes from here on, when `resume` is called. */
  readonly from: number;
  resume(): void;
}

/** A leaf run on its way: everything before element `next` is recorded. */
interface LeafRun {
  readonly run: number;
  readonly start: number;
  readonly end: number;
  readonly first: number;
  readonly count: number;
  /** The element table, and where it begins in these bytes. */
  table: Uint8Array;
  tableAt: number;
  next: number;
  /** Where the last recorded element ends, and the CRC of the file up to there. */
  cursor: number;
  crc: number;
  contiguous: boolean;
}

/**
 * Reads pages in file order. Any page whose header fits its place is recorded as a candidate, whether or not another
 * run seems to cover it: free pages hold old bytes and values may hold whole pages, and only the tree tells later
 * which run is live. Work per page is bounded by the page's own bytes, so that a hostile file costs linear time.
 */
export class Scan {
  readonly candidates: Candidates;
  /** Ids on the freelist page, in its order; undefined until one was read whole. */
  freelist: number[] | undefined;

  readonly #meta: Meta;
  readonly #crc32c: Crc32c;
  readonly #waiting = new Map<number, Waiting[]>();
  #window: Uint8Array = new Uint8Array(0);
  #windowStart = 0;
  #page = 0;
  /** Bytes that overlapping element tables may cost beyond what was read: see #pay. */
  #credit = 64 << 20;

  constructor(meta: Meta, crc32c: Crc32c, seed: number) {
    this.#meta = meta;
    this.#crc32c = crc32c;
    this.candidates = new Candidates(seed);
    this.candidates.pages.reserve(1);
  }

  /**
   * Reads the whole pages in `window`, whose first byte is byte `start` of the file. It begins no later than
   * `neededFrom`; returns how far whole pages have been read, in pages.
   */
  read(window: Uint8Array, start: number): number {
    this.#window = window;
    this.#windowStart = start;
    const end = Math.min(start + window.length, this.#meta.pages * this.#meta.pageSize);
    const { pages } = this.candidates;
    while ((this.#page + 1) * this.#meta.pageSize <= end) {
      pages.reserve(1);
      this.#readPage();
      this.#page++;
    }
    return this.#page;
  }

  /** The first byte of the file that the next window must hold. */
  get neededFrom(): number {
    let from = this.#page * this.#meta.pageSize;
    for (const list of this.#waiting.values())
      for (const waiting of list) from = Math.min(from, waiting.from);
    return from;
  }

  #readPage(): void {
    const page = this.#page;
    const { pageSize } = this.#meta;
    const start = page * pageSize;
    const { pages } = this.candidates;
    this.#cursor = start;
    this.#cursorCrc = pages.get(page, PAGE.CRC);
    const waiting = this.#waiting.get(page);
    if (waiting !== undefined) {
      this.#waiting.delete(page);
      for (const each of waiting) each.resume();
    }
    if (page >= 2) this.#readHeader(page, start);
    pages.set(page + 1, PAGE.CRC, this.#crc(this.#cursor, start + pageSize, this.#cursorCrc));
  }

  /** The furthest known CRC of the file inside the current page: each byte is summed once where runs behave. */
  #cursor = 0;
  #cursorCrc = 0;

  #advanceCursor(at: number, crc: number): void {
    if (at <= this.#cursor || at > (this.#page + 1) * this.#meta.pageSize) return;
    this.#cursor = at;
    this.#cursorCrc = crc;
  }

  /** The CRC of the file up to `to`, from that up to `from`; both are positions in the file. */
  #crc(from: number, to: number, before: number): number {
    const start = this.#windowStart;
    return this.#crc32c(this.#window, before, from - start, to - start);
  }

  #fault(page: number, reason: number, found: number): void {
    this.candidates.pages.set(page, PAGE.RUN, FAULT | reason);
    this.candidates.pages.set(page, PAGE.FOUND, Math.min(found, 0xffff_ffff));
  }

  #readHeader(page: number, start: number): void {
    const window = this.#window;
    const at = start - this.#windowStart;
    const id = pageId(window, at);
    if (id !== page) return this.#fault(page, REASON.ID, id);
    const flags = pageFlags(window, at);
    const overflow = pageOverflow(window, at);
    if (page + overflow >= this.#meta.pages) return this.#fault(page, REASON.OVERFLOW, overflow);
    if (flags === FREELIST && page === this.#meta.freelist)
      return this.#readFreelist(page, overflow);
    if (flags !== LEAF && flags !== BRANCH) return this.#fault(page, REASON.FLAGS, flags);
    const length = (overflow + 1) * this.#meta.pageSize;
    const count = pageCount(window, at);
    const tableEnd = PAGE_HEADER_BYTES + count * ELEMENT_BYTES;
    if (tableEnd > length) return this.#fault(page, REASON.TABLE, count);
    if (!this.#pay(tableEnd - this.#meta.pageSize))
      return this.#fault(page, REASON.TOO_MUCH, count);
    if (flags === BRANCH) this.#waitForBranch(page, overflow, count);
    else this.#waitForTable(page, overflow, count, tableEnd);
  }

  /** Element tables beyond a run's first page could be shared by many hostile runs: together they may not exceed what was read. */
  #pay(bytes: number): boolean {
    if (bytes <= 0) return true;
    this.#credit -= bytes;
    return this.#credit + this.#page * this.#meta.pageSize >= 0;
  }

  #addRun(page: number, kind: number, overflow: number, first: number, count: number): number {
    const { runs, pages } = this.candidates;
    const run = runs.reserve(1);
    runs.set(run, RUN.PAGE, page);
    runs.set(run, RUN.KIND, kind);
    runs.set(run, RUN.OVERFLOW, overflow);
    runs.set(run, RUN.FIRST, first);
    runs.set(run, RUN.COUNT, count);
    pages.set(page, PAGE.RUN, run + 1);
    return run;
  }

  /** Calls `resume` while the page that holds byte `end - 1` is read: now, or later. */
  #when(from: number, end: number, resume: () => void): void {
    const page = Math.floor((end - 1) / this.#meta.pageSize);
    if (page <= this.#page) return resume();
    const list = this.#waiting.get(page);
    if (list === undefined) this.#waiting.set(page, [{ from, resume }]);
    else list.push({ from, resume });
  }

  #readFreelist(page: number, overflow: number): void {
    const start = page * this.#meta.pageSize;
    const length = (overflow + 1) * this.#meta.pageSize;
    if (length > LONGEST_PIECE) return this.#fault(page, REASON.TOO_LARGE, overflow);
    this.#when(start, start + length, () => {
      const at = start - this.#windowStart;
      if (!freelistFits(this.#window, at, length))
        return this.#fault(page, REASON.TABLE, freelistCount(this.#window, at));
      const ids: number[] = [];
      for (let i = 0, n = freelistCount(this.#window, at); i < n; i++)
        ids.push(freelistId(this.#window, at, i));
      this.freelist = ids;
      this.#addRun(page, FREELIST, overflow, 0, 0);
    });
  }

  #waitForBranch(page: number, overflow: number, count: number): void {
    const start = page * this.#meta.pageSize;
    const length = (overflow + 1) * this.#meta.pageSize;
    if (length > LONGEST_PIECE) return this.#fault(page, REASON.TOO_LARGE, overflow);
    this.#when(start, start + length, () => this.#readBranch(page, overflow, count, length));
  }

  #readBranch(page: number, overflow: number, count: number, length: number): void {
    const { candidates } = this;
    const window = this.#window;
    const at = page * this.#meta.pageSize - this.#windowStart;
    const first = candidates.branches.reserve(count);
    for (let i = 0; i < count; i++) {
      if (!branchElementFits(window, at, i, length)) return this.#fault(page, REASON.ELEMENT, i);
      candidates.addBranchElement(
        first + i,
        branchChild(window, at, i),
        window,
        branchKeyStart(window, at, i),
        branchKeySize(window, at, i),
      );
    }
    this.#addRun(page, BRANCH, overflow, first, count);
  }

  #waitForTable(page: number, overflow: number, count: number, tableEnd: number): void {
    const start = page * this.#meta.pageSize;
    this.#when(start, start + tableEnd, () => {
      const first = this.candidates.elements.reserve(count);
      const cursor = start + tableEnd;
      const leaf: LeafRun = {
        run: this.#addRun(page, LEAF, overflow, first, count),
        start,
        end: start + (overflow + 1) * this.#meta.pageSize,
        first,
        count,
        table: this.#window,
        tableAt: start - this.#windowStart + PAGE_HEADER_BYTES,
        next: 0,
        cursor,
        crc: this.#crcUpTo(cursor),
        contiguous: true,
      };
      this.candidates.runs.set(leaf.run, RUN.CRC, leaf.crc);
      this.#readElements(leaf);
    });
  }

  /** The CRC of the file up to byte `at` of the window: from the cursor, or from the start of its page. */
  #crcUpTo(at: number): number {
    if (at === this.#cursor) return this.#cursorCrc;
    const page = Math.floor((at - 1) / this.#meta.pageSize);
    if (at > this.#cursor && page === this.#page)
      return this.#crc(this.#cursor, at, this.#cursorCrc);
    const known = this.candidates.pages.get(page, PAGE.CRC);
    return this.#crc(page * this.#meta.pageSize, at, known);
  }

  /** Records elements up to the first that ends in a later page, and goes on when that page is there. */
  #readElements(leaf: LeafRun): void {
    const pageEnd = (this.#page + 1) * this.#meta.pageSize;
    for (; leaf.next < leaf.count; leaf.next++) {
      const element = leaf.tableAt + leaf.next * ELEMENT_BYTES;
      const at =
        leaf.start + PAGE_HEADER_BYTES + leaf.next * ELEMENT_BYTES + u32le(leaf.table, element + 4);
      const keySize = u32le(leaf.table, element + 8);
      const end = at + keySize + u32le(leaf.table, element + 12);
      const page = leaf.start / this.#meta.pageSize;
      if (end > leaf.end) return this.#fault(page, REASON.ELEMENT, leaf.next);
      if (end - at > LONGEST_PIECE) return this.#fault(page, REASON.TOO_LARGE, leaf.next);
      if (at < this.#windowStart) return this.#fault(page, REASON.OUT_OF_REACH, leaf.next);
      if (end > pageEnd) return this.#waitForElement(leaf, at, end);
      this.#recordElement(leaf, element, at, keySize, end);
    }
    this.#advanceCursor(leaf.cursor, leaf.crc);
  }

  #waitForElement(leaf: LeafRun, at: number, end: number): void {
    this.#advanceCursor(leaf.cursor, leaf.crc);
    if (leaf.tableAt > 0) {
      // The window moves on: what is left of the table goes along.
      const from = leaf.tableAt + leaf.next * ELEMENT_BYTES;
      leaf.table = leaf.table.slice(from, leaf.tableAt + leaf.count * ELEMENT_BYTES);
      leaf.tableAt = -leaf.next * ELEMENT_BYTES;
    }
    this.#when(at, end, () => this.#readElements(leaf));
  }

  #recordElement(leaf: LeafRun, element: number, at: number, keySize: number, end: number): void {
    const index = leaf.first + leaf.next;
    const { elements } = this.candidates;
    if (at !== leaf.cursor) this.#leaveContiguity(leaf);
    const before = leaf.contiguous ? leaf.crc : this.#crcUpTo(at);
    const sameStretch = Math.floor(at / this.#meta.pageSize) === this.#page;
    const after = sameStretch ? this.#crc(at, end, before) : this.#crcUpTo(end);
    elements.set(
      index,
      ELEMENT.MARK,
      leaf.contiguous ? after : (shiftCrc32c(before, end - at) ^ after) >>> 0,
    );
    leaf.cursor = end;
    leaf.crc = after;
    const isBucket = (u32le(leaf.table, element) & BUCKET_ELEMENT) !== 0;
    const inWindow = at - this.#windowStart;
    this.candidates.addElement(
      index,
      this.#window,
      inWindow,
      keySize,
      end - at - keySize,
      isBucket,
    );
  }

  /** From here on the leaf's marks are each element's own CRC; those already set are turned into that. */
  #leaveContiguity(leaf: LeafRun): void {
    if (!leaf.contiguous) return;
    leaf.contiguous = false;
    const { elements, runs } = this.candidates;
    runs.set(leaf.run, RUN.KIND, LEAF | NOT_CONTIGUOUS);
    let before = runs.get(leaf.run, RUN.CRC);
    for (let index = leaf.first; index < leaf.first + leaf.next; index++) {
      const after = elements.get(index, ELEMENT.MARK);
      const own = shiftCrc32c(before, elements.get(index, ELEMENT.SIZE)) ^ after;
      elements.set(index, ELEMENT.MARK, own >>> 0);
      before = after;
    }
  }
}
