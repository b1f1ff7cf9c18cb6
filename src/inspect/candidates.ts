import { u32be } from "../format/bytes.ts";
import { MAX_KEY_BYTES } from "../format/bbolt/page.ts";
import { int64, KeyValueFields } from "../format/mvcc/key-value.ts";
import {
  REVISION_BYTES,
  SEPARATOR,
  TOMBSTONE_BYTES,
  TOMBSTONE_MARK,
} from "../format/mvcc/revision.ts";
import type { Budget } from "./budget.ts";
import {
  BRANCH_ELEMENT,
  CREATE,
  ELEMENT,
  ELEMENT_KEY,
  ElementTable,
  KIND,
  MAIN,
  START,
} from "./elements.ts";
import { KeptBytes, type Stretch } from "./kept-bytes.ts";
import { KeyTable, NO_NUMBER } from "./keys.ts";
import { WordTable } from "./words.ts";

/**
 * What is remembered of every page that may turn out to be live. Whether it is, only the tree tells, and the tree
 * is known when the stream has ended: so everything is kept in small fixed records.
 */
export class Candidates {
  /** One word a page of the file: 0 when nothing is known, else a run's number + 1, or a fault, see FAULT. */
  readonly pages = new WordTable(1);
  /** One record a branch or leaf page that could be what its header says, see RUN. */
  readonly runs = new WordTable(5);
  /** One record an element of a leaf run, see ELEMENT. */
  readonly elements = new ElementTable(ELEMENT.WORDS);
  /** One record an element of a branch run, see BRANCH_ELEMENT. */
  readonly branches = new ElementTable(BRANCH_ELEMENT.WORDS);
  /** Rows with a lease: element, lease high, lease low. */
  readonly leased = new WordTable(3);
  readonly keys: KeyTable;
  /** Keys and values that are not rows: the small buckets' contents. */
  readonly #kept = new KeptBytes(256 << 20);
  readonly #row = new KeyValueFields();

  /** @param seed random, see KeyTable */
  constructor(seed: number, budget: Budget) {
    this.keys = new KeyTable(seed, budget);
  }

  /**
   * Records the leaf element whose key starts at byte `at` of `stretch`; its CRC mark is set by the caller.
   * @param isRoot of the page that a meta names: always kept
   */
  addElement(
    index: number,
    stretch: Stretch,
    at: number,
    keySize: number,
    valueSize: number,
    isBucket: boolean,
    isRoot: boolean,
  ): void {
    const { elements } = this;
    elements.set(index, ELEMENT.SIZE, keySize + valueSize);
    if (!isBucket && isRowKey(stretch.bytes, at, keySize))
      this.#addRow(index, stretch.bytes, at, keySize, valueSize);
    else
      this.#addOther(elements, index, stretch, at, keySize, valueSize, {
        kind: isBucket ? KIND.BUCKET : KIND.OTHER,
        isRoot,
      });
  }

  #addRow(index: number, bytes: Uint8Array, at: number, keySize: number, valueSize: number): void {
    const { elements } = this;
    const row = this.#row;
    const start = at + keySize;
    const readable = row.decode(bytes, start, start + valueSize);
    const suffix = keySize === TOMBSTONE_BYTES ? bytes[at + REVISION_BYTES]! : 0;
    const mainHi = u32be(bytes, at);
    const mainLo = u32be(bytes, at + 4);
    let kind = suffix === TOMBSTONE_MARK ? KIND.TOMBSTONE : KIND.PUT;
    if (keySize === TOMBSTONE_BYTES) kind |= (suffix + 1) << KIND.SUFFIX_SHIFT;
    if (!readable) kind |= KIND.UNREADABLE;
    else if (row.modHi !== mainHi || row.modLo !== mainLo) kind |= KIND.OTHER_REVISION;
    if (row.versionHi !== 0) kind |= KIND.WIDE_VERSION;
    const key = readable ? this.keys.number(bytes, row.keyAt, row.keyLength) : 0;
    if (key === NO_NUMBER) kind |= KIND.UNREADABLE | KIND.NOT_EXAMINED;
    elements.set(index, ELEMENT.KIND, kind);
    elements.setNumber(index, MAIN, mainHi, mainLo);
    elements.set(index, ELEMENT.SUB, u32be(bytes, at + 13));
    elements.setNumber(index, CREATE, row.createHi, row.createLo);
    elements.set(index, ELEMENT.VERSION, row.versionLo);
    elements.set(index, ELEMENT.KEY, key === NO_NUMBER ? 0 : key);
    if (row.leaseHi !== 0 || row.leaseLo !== 0) {
      const leased = this.leased.reserve(1);
      this.leased.set(leased, 0, index);
      this.leased.set(leased, 1, row.leaseHi);
      this.leased.set(leased, 2, row.leaseLo);
    }
  }

  /** Records a key that is no row, of a leaf or a branch, and its value. */
  #addOther(
    table: ElementTable,
    index: number,
    stretch: Stretch,
    at: number,
    keySize: number,
    valueSize: number,
    { kind, isRoot }: { kind: number; isRoot: boolean },
  ): void {
    const from = stretch.start + at;
    const key = from + keySize;
    const isKept = keySize <= MAX_KEY_BYTES && this.#kept.keep(stretch, from, key, isRoot);
    if (isKept) kind |= KIND.KEY_KEPT;
    if (
      isKept &&
      valueSize <= LONGEST_KEPT &&
      this.#kept.keep(stretch, key, key + valueSize, isRoot)
    )
      kind |= KIND.VALUE_KEPT;
    table.set(index, ELEMENT_KEY.KIND, kind);
    table.setNumber(index, START, Math.floor(from / 2 ** 32), from % 2 ** 32);
    table.set(index, ELEMENT_KEY.KEY_LENGTH, keySize);
  }

  /** Records the branch element whose key starts at byte `at` of `stretch`. */
  addBranchElement(
    index: number,
    child: number,
    stretch: Stretch,
    at: number,
    keySize: number,
  ): void {
    const { branches } = this;
    const { bytes } = stretch;
    branches.set(index, BRANCH_ELEMENT.CHILD, Math.min(child, 0xffff_ffff));
    if (!isRowKey(bytes, at, keySize)) {
      this.#addOther(branches, index, stretch, at, keySize, 0, { kind: KIND.OTHER, isRoot: false });
      return;
    }
    const suffix = keySize === TOMBSTONE_BYTES ? bytes[at + REVISION_BYTES]! + 1 : 0;
    branches.set(index, BRANCH_ELEMENT.KIND, KIND.PUT | (suffix << KIND.SUFFIX_SHIFT));
    branches.setNumber(index, MAIN, u32be(bytes, at), u32be(bytes, at + 4));
    branches.set(index, BRANCH_ELEMENT.SUB, u32be(bytes, at + 13));
  }

  /** The key of an element (of a leaf where no table is named) that is not a row; undefined when it was not kept. */
  keptKey(index: number, table = this.elements): Uint8Array | undefined {
    if ((table.get(index, ELEMENT_KEY.KIND) & KIND.KEY_KEPT) === 0) return undefined;
    const from = this.#startOf(table, index);
    return this.#kept.read(from, from + table.get(index, ELEMENT_KEY.KEY_LENGTH));
  }

  /** The value of a leaf's element that is not a row, and where it lies; undefined when it was not kept. */
  keptValue(index: number): Stretch | undefined {
    const { elements } = this;
    if ((elements.get(index, ELEMENT.KIND) & KIND.VALUE_KEPT) === 0) return undefined;
    const from = this.#startOf(elements, index);
    const start = from + elements.get(index, ELEMENT.KEY_LENGTH);
    return { bytes: this.#kept.read(start, from + elements.get(index, ELEMENT.SIZE)), start };
  }

  #startOf(table: ElementTable, index: number): number {
    return table.high(index, START) * 2 ** 32 + table.low(index, START);
  }

  /** The lease of every row that has one, by element. */
  *leases(): Generator<[element: number, lease: bigint]> {
    for (let i = 0; i < this.leased.length; i++)
      yield [this.leased.get(i, 0), int64(this.leased.get(i, 1), this.leased.get(i, 2))];
  }
}

/** In a page's word: it cannot be a branch or leaf; behind it why, and what was found there. */
export const FAULT = 0x8000_0000;
/** What was found is kept as far as it fits: this, or more. */
export const MOST_FOUND = 0x7ff_ffff;
const REASON_SHIFT = 27;

/** A page's word for a fault. @param reason below 16 */
export function encodeFault(reason: number, found: number): number {
  return FAULT | (reason << REASON_SHIFT) | Math.min(found, MOST_FOUND);
}

export function decodeFault(word: number): { reason: number; found: number } {
  return { reason: (word & ~FAULT) >>> REASON_SHIFT, found: word & MOST_FOUND };
}

/** Words of a run's record. */
export const RUN = {
  PAGE: 0,
  /** bbolt's page flags, NOT_CONTIGUOUS and HAS_BUCKETS; above COUNT_SHIFT the number of elements. */
  KIND: 1,
  OVERFLOW: 2,
  /** First record in `elements` or `branches`. */
  FIRST: 3,
  /** CRC of the file up to the first element's key. */
  CRC: 4,
} as const;

const COUNT_SHIFT = 16;

/** @param kind and @param count below 2^16, as a page's header has them */
export function encodeKind(kind: number, count: number): number {
  return ((count << COUNT_SHIFT) | kind) >>> 0;
}

/** The number of elements of a run. */
export function runCount(runs: WordTable, run: number): number {
  return runs.get(run, RUN.KIND) >>> COUNT_SHIFT;
}

/** A leaf whose elements do not lie one after the other: its marks are each element's own CRC. */
export const NOT_CONTIGUOUS = 0x100;
/** A leaf with elements that are buckets. */
export const HAS_BUCKETS = 0x200;

/** Longer values of the small buckets are not looked at. */
const LONGEST_KEPT = 1 << 20;

/** Keys that are revisions, with fewer than 2^32 changes in one transaction; others are kept as bytes. */
export function isRowKey(bytes: Uint8Array, at: number, size: number): boolean {
  return (
    (size === REVISION_BYTES || size === TOMBSTONE_BYTES) &&
    bytes[at + 8] === SEPARATOR &&
    bytes[at]! < 0x80 &&
    u32be(bytes, at + 9) === 0
  );
}
