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
  MAX_KEY_BYTES,
  pageCount,
  pageFlags,
  pageId,
  pageOverflow,
  PAGE_HEADER_BYTES,
} from "../format/bbolt/page.ts";
import { freelistCount, freelistFits, freelistId } from "../format/bbolt/freelist.ts";
import type { Meta } from "../format/bbolt/meta.ts";
import { concatBytes, u32le } from "../format/bytes.ts";
import { shiftCrc32c, type Crc32c } from "../format/crc32c.ts";
import { Budget } from "./budget.ts";
import {
  Candidates,
  encodeFault,
  encodeKind,
  HAS_BUCKETS,
  isRowKey,
  NOT_CONTIGUOUS,
  RUN,
} from "./candidates.ts";
import { ELEMENT } from "./elements.ts";
import type { Stretch } from "./kept-bytes.ts";
import { AROUND_VALUE, aroundValue, LONGEST_PIECE } from "./long-row.ts";
import { reach, RunningCrc } from "./running-crc.ts";
import { Waits, type Waiting } from "./waits.ts";

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

/** Runs up to this long may have their elements in any order. */
const SHORT_RUN = 1 << 20;

/** Of the elements of a run at most so many are LARGE or more: bbolt leaves no more together, the others fill a page. */
const LARGE_ELEMENTS = 4;
const LARGE = 4096;

/** A leaf run on its way: everything before element `element` is recorded. */
class LeafRun implements Waiting {
  readonly scan: Scan;
  readonly run: number;
  readonly start: number;
  readonly end: number;
  readonly first: number;
  readonly count: number;
  /** The element table, and where element 0 of it is (or would be) in these bytes. */
  table: Uint8Array;
  tableAt: number;
  element = 0;
  /** Where the last recorded element ends, and the CRC of the file up to there. */
  cursor: number;
  crc: number;
  isContiguous = true;
  /** What further elements may cost before they are paid for from the budget. */
  allowance: number;
  from = 0;
  next: Waiting | undefined;

  constructor(
    scan: Scan,
    run: number,
    place: { start: number; end: number; first: number; count: number; allowance: number },
    table: Uint8Array,
    tableAt: number,
    cursor: number,
    crc: number,
  ) {
    this.scan = scan;
    this.run = run;
    this.start = place.start;
    this.end = place.end;
    this.first = place.first;
    this.count = place.count;
    this.allowance = place.allowance;
    this.table = table;
    this.tableAt = tableAt;
    this.cursor = cursor;
    this.crc = crc;
  }

  resume(): void {
    this.scan.readElements(this);
  }
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

  #meta: Meta;
  readonly #crc: RunningCrc;
  #crcOfMetas = 0;
  readonly #waits = new Waits();
  readonly #budget = new Budget();
  #window: Uint8Array = new Uint8Array(0);
  #windowStart = 0;
  #stretch: Stretch = { bytes: this.#window, start: 0 };
  #page = 0;

  constructor(meta: Meta, crc32c: Crc32c, seed: number) {
    this.#meta = meta;
    this.#crc = new RunningCrc(crc32c);
    this.candidates = new Candidates(seed, this.#budget);
  }

  /**
   * Reads the whole pages in `window`, whose first byte is byte `start` of the file. It begins no later than
   * `neededFrom`; returns how far whole pages have been read, in pages.
   */
  read(window: Uint8Array, start: number): number {
    this.#window = window;
    this.#windowStart = start;
    this.#stretch = { bytes: window, start };
    this.#crc.moveTo(window, start);
    const end = Math.min(start + window.length, this.#meta.pages * this.#meta.pageSize);
    const { pages } = this.candidates;
    while ((this.#page + 1) * this.#meta.pageSize <= end) {
      pages.reserve(1);
      this.#budget.earn(this.#meta.pageSize);
      this.#readPage();
      this.#page++;
    }
    this.#crc.upTo(this.#page * this.#meta.pageSize);
    return this.#page;
  }

  /** The pages read so far, without the two metas: the only ones that an edit overwrites. */
  get kept(): { readonly from: number; readonly to: number; readonly crc: number } {
    const from = 2 * this.#meta.pageSize;
    const to = Math.max(from, this.#page * this.#meta.pageSize);
    const before = shiftCrc32c(this.#crcOfMetas, to - from);
    return { from, to, crc: to === from ? 0 : (before ^ this.#crc.upTo(to)) >>> 0 };
  }

  /** The next pages belong to an edit of the file, which ended by giving it this meta. */
  goOn(meta: Meta): void {
    this.#meta = meta;
    this.freelist = undefined;
  }

  /** The first byte of the file that the next window must hold. */
  get neededFrom(): number {
    return reach(this.#waits.neededFrom(this.#page * this.#meta.pageSize));
  }

  #readPage(): void {
    const page = this.#page;
    this.#waits.resume(page);
    const start = page * this.#meta.pageSize;
    if (page === 2) this.#crcOfMetas = this.#crc.upTo(start);
    if (page >= 2) this.#readHeader(page, start);
  }

  #fault(page: number, reason: number, found: number): void {
    this.candidates.pages.set(page, 0, encodeFault(reason, found));
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
    const beyond = Math.max(0, tableEnd - this.#meta.pageSize);
    if (!this.#budget.spend(beyond)) return this.#fault(page, REASON.TOO_MUCH, count);
    if (flags === BRANCH) this.#waitForBranch(page, overflow, count);
    else this.#waitForTable(page, overflow, count, tableEnd);
  }

  /** What is left of a run's allowance after one more element; NaN when the budget does not make up for it. */
  #charge(allowance: number, size: number): number {
    const cost = Math.min(size, LARGE);
    if (cost <= allowance) return allowance - cost;
    return this.#budget.spend(cost) ? allowance : NaN;
  }

  get #allowance(): number {
    return this.#meta.pageSize + LARGE_ELEMENTS * LARGE;
  }

  #addRun(page: number, kind: number, overflow: number, first: number, count: number): number {
    const { runs } = this.candidates;
    const run = runs.reserve(1);
    runs.set(run, RUN.PAGE, page);
    runs.set(run, RUN.KIND, encodeKind(kind, count));
    runs.set(run, RUN.OVERFLOW, overflow);
    runs.set(run, RUN.FIRST, first);
    return run;
  }

  /** From now on the page is a candidate: all of its elements were read and fit. */
  #complete(page: number, run: number): void {
    this.candidates.pages.set(page, 0, run + 1);
  }

  /** Calls `resume` while the page that holds byte `end - 1` is read: now, or later. */
  #when(end: number, waiting: Waiting): void {
    const page = Math.floor((end - 1) / this.#meta.pageSize);
    if (page <= this.#page) return waiting.resume();
    this.#waits.add(page, waiting);
  }

  #readFreelist(page: number, overflow: number): void {
    const start = page * this.#meta.pageSize;
    const length = (overflow + 1) * this.#meta.pageSize;
    if (length > LONGEST_PIECE) return this.#fault(page, REASON.TOO_LARGE, overflow);
    const resume = (): void => {
      const at = start - this.#windowStart;
      if (!freelistFits(this.#window, at, length))
        return this.#fault(page, REASON.TABLE, freelistCount(this.#window, at));
      const ids: number[] = [];
      for (let i = 0, n = freelistCount(this.#window, at); i < n; i++)
        ids.push(freelistId(this.#window, at, i));
      this.freelist = ids;
      this.#complete(page, this.#addRun(page, FREELIST, overflow, 0, 0));
    };
    this.#when(start + length, { from: start, resume });
  }

  #waitForBranch(page: number, overflow: number, count: number): void {
    const start = page * this.#meta.pageSize;
    const length = (overflow + 1) * this.#meta.pageSize;
    if (length > LONGEST_PIECE) return this.#fault(page, REASON.TOO_LARGE, overflow);
    const resume = (): void => this.#readBranch(page, overflow, count, length);
    if (overflow === 0) resume();
    else this.#when(start + length, { from: start, resume });
  }

  #readBranch(page: number, overflow: number, count: number, length: number): void {
    const { candidates } = this;
    const window = this.#window;
    const at = page * this.#meta.pageSize - this.#windowStart;
    const first = candidates.branches.reserve(count);
    let allowance = this.#allowance;
    for (let i = 0; i < count; i++) {
      if (!branchElementFits(window, at, i, length)) return this.#fault(page, REASON.ELEMENT, i);
      const keyStart = branchKeyStart(window, at, i);
      const keySize = branchKeySize(window, at, i);
      allowance = this.#charge(allowance, keySize);
      if (Number.isNaN(allowance)) return this.#fault(page, REASON.TOO_MUCH, i);
      const child = branchChild(window, at, i);
      candidates.addBranchElement(first + i, child, this.#stretch, keyStart, keySize);
    }
    this.#complete(page, this.#addRun(page, BRANCH, overflow, first, count));
  }

  #waitForTable(page: number, overflow: number, count: number, tableEnd: number): void {
    const start = page * this.#meta.pageSize;
    const resume = (): void => this.#beginLeaf(page, overflow, count, start + tableEnd);
    if (tableEnd <= this.#meta.pageSize) resume();
    else this.#when(start + tableEnd, { from: start, resume });
  }

  #beginLeaf(page: number, overflow: number, count: number, cursor: number): void {
    const start = page * this.#meta.pageSize;
    const first = this.candidates.elements.reserve(count);
    const run = this.#addRun(page, LEAF, overflow, first, count);
    const crc = this.#crc.upTo(cursor);
    this.candidates.runs.set(run, RUN.CRC, crc);
    const end = start + (overflow + 1) * this.#meta.pageSize;
    const place = { start, end, first, count, allowance: this.#allowance };
    const tableAt = start - this.#windowStart + PAGE_HEADER_BYTES;
    this.readElements(new LeafRun(this, run, place, this.#window, tableAt, cursor, crc));
  }

  /** Records elements up to the first that ends in a later page, and goes on when that page is there. */
  readElements(leaf: LeafRun): void {
    const pageEnd = (this.#page + 1) * this.#meta.pageSize;
    const page = leaf.start / this.#meta.pageSize;
    for (; leaf.element < leaf.count; leaf.element++) {
      const entry = leaf.tableAt + leaf.element * ELEMENT_BYTES;
      const entryStart = leaf.start + PAGE_HEADER_BYTES + leaf.element * ELEMENT_BYTES;
      const at = entryStart + u32le(leaf.table, entry + 4);
      const keySize = u32le(leaf.table, entry + 8);
      const end = at + keySize + u32le(leaf.table, entry + 12);
      const reason = this.#misplaced(leaf, at, end);
      if (reason !== 0) return this.#fault(page, reason, leaf.element);
      if (end - at > LONGEST_PIECE) return this.#waitForLongElement(leaf, at, keySize, end);
      if (end > pageEnd) return this.#waitForElement(leaf, at, end);
      leaf.allowance = this.#charge(leaf.allowance, end - at);
      if (Number.isNaN(leaf.allowance)) return this.#fault(page, REASON.TOO_MUCH, leaf.element);
      this.#recordElement(leaf, at, keySize, end, u32le(leaf.table, entry));
    }
    this.#complete(page, leaf.run);
  }

  #misplaced(leaf: LeafRun, at: number, end: number): number {
    if (end > leaf.end) return REASON.ELEMENT;
    // what is longer than a piece goes by once, in its turn
    if (end - at > LONGEST_PIECE && (at !== leaf.cursor || !leaf.isContiguous))
      return REASON.OUT_OF_REACH;
    const isFar = at < this.#windowStart || at - leaf.cursor > LONGEST_PIECE;
    return isFar ? REASON.OUT_OF_REACH : 0;
  }

  /** The window moves on: what is left of the table goes along. */
  #keepTable(leaf: LeafRun): void {
    if (leaf.tableAt <= 0) return;
    const from = leaf.tableAt + leaf.element * ELEMENT_BYTES;
    leaf.table = leaf.table.slice(from, leaf.tableAt + leaf.count * ELEMENT_BYTES);
    leaf.tableAt = -leaf.element * ELEMENT_BYTES;
  }

  /** Reads what is in front of the value, lets the value go by, and reads what is behind it. */
  #waitForLongElement(leaf: LeafRun, at: number, keySize: number, end: number): void {
    const page = leaf.start / this.#meta.pageSize;
    if (!this.#budget.spend(2 * AROUND_VALUE))
      return this.#fault(page, REASON.TOO_MUCH, leaf.element);
    this.#keepTable(leaf);
    const resume = (): void => {
      const from = at - this.#windowStart;
      const head = this.#window.subarray(from, from + AROUND_VALUE);
      if (!isRowKey(head, 0, keySize)) return this.#passLongOther(leaf, at, keySize, end);
      const around = aroundValue(head, keySize);
      const behind = at + (around?.behind ?? Infinity);
      if (around === undefined || behind > end || end - behind > AROUND_VALUE)
        return this.#fault(page, REASON.TOO_LARGE, leaf.element);
      this.#when(end, {
        from: behind,
        resume: () => this.#recordLongRow(leaf, at, keySize, end, around.before, behind),
      });
    };
    this.#when(at + AROUND_VALUE, { from: at, resume });
  }

  /** What is no row is known by its key; of so long a value nothing is kept. */
  #passLongOther(leaf: LeafRun, at: number, keySize: number, end: number): void {
    const { candidates } = this;
    const index = leaf.first + leaf.element;
    const flags = u32le(leaf.table, leaf.tableAt + leaf.element * ELEMENT_BYTES);
    if (keySize > MAX_KEY_BYTES || (flags & BUCKET_ELEMENT) !== 0)
      return this.#fault(leaf.start / this.#meta.pageSize, REASON.TOO_LARGE, leaf.element);
    const valueSize = end - at - keySize;
    const inWindow = at - this.#windowStart;
    candidates.addElement(index, this.#stretch, inWindow, keySize, valueSize, false, false);
    this.#when(end, {
      from: end,
      resume: () => this.#goOnBehind(leaf, end, this.#crc.upTo(end, at, leaf.crc)),
    });
  }

  #recordLongRow(
    leaf: LeafRun,
    at: number,
    keySize: number,
    end: number,
    before: Uint8Array,
    behind: number,
  ): void {
    const { candidates } = this;
    const index = leaf.first + leaf.element;
    const tail = this.#window.subarray(behind - this.#windowStart, end - this.#windowStart);
    const row = { bytes: concatBytes([before, tail]), start: at };
    const mark = this.#crc.upTo(end, at, leaf.crc);
    candidates.addElement(index, row, 0, keySize, row.bytes.length - keySize, false, false);
    candidates.elements.set(index, ELEMENT.SIZE, end - at);
    this.#goOnBehind(leaf, end, mark);
  }

  /** The long element ends here. */
  #goOnBehind(leaf: LeafRun, end: number, mark: number): void {
    this.candidates.elements.set(leaf.first + leaf.element, ELEMENT.MARK, mark);
    leaf.cursor = end;
    leaf.crc = mark;
    leaf.element++;
    this.readElements(leaf);
  }

  #waitForElement(leaf: LeafRun, at: number, end: number): void {
    this.#keepTable(leaf);
    // Elements need not lie in order: what is short stays at hand as a whole.
    leaf.from = leaf.end - leaf.start <= SHORT_RUN ? leaf.start : at;
    this.#when(end, leaf);
  }

  #recordElement(leaf: LeafRun, at: number, keySize: number, end: number, flags: number): void {
    const index = leaf.first + leaf.element;
    if (at !== leaf.cursor) this.#leaveContiguity(leaf);
    const mark = leaf.isContiguous ? this.#crc.upTo(end, at, leaf.crc) : this.#crc.between(at, end);
    this.candidates.elements.set(index, ELEMENT.MARK, mark);
    leaf.cursor = end;
    leaf.crc = mark;
    const inWindow = at - this.#windowStart;
    const isBucket = (flags & BUCKET_ELEMENT) !== 0;
    if (isBucket) this.#markRun(leaf.run, HAS_BUCKETS);
    const isRoot = leaf.start === this.#meta.root * this.#meta.pageSize;
    const valueSize = end - at - keySize;
    const { candidates } = this;
    candidates.addElement(index, this.#stretch, inWindow, keySize, valueSize, isBucket, isRoot);
  }

  #markRun(run: number, flag: number): void {
    const { runs } = this.candidates;
    runs.set(run, RUN.KIND, runs.get(run, RUN.KIND) | flag);
  }

  /** From here on the leaf's marks are each element's own CRC; those already set are turned into that. */
  #leaveContiguity(leaf: LeafRun): void {
    if (!leaf.isContiguous) return;
    leaf.isContiguous = false;
    const { elements, runs } = this.candidates;
    this.#markRun(leaf.run, NOT_CONTIGUOUS);
    let before = runs.get(leaf.run, RUN.CRC);
    for (let index = leaf.first; index < leaf.first + leaf.element; index++) {
      const after = elements.get(index, ELEMENT.MARK);
      const own = shiftCrc32c(before, elements.get(index, ELEMENT.SIZE)) ^ after;
      elements.set(index, ELEMENT.MARK, own >>> 0);
      before = after;
    }
  }
}
