import { WordTable } from "./words.ts";

/**
 * One record an element of leaf or branch runs. A number of 64 bits hardly ever needs more than 32, and then has one word;
 * where it does, the word says where both of its halves are, and a flag of the record's kind that it does.
 */
export class ElementTable extends WordTable {
  readonly #wide = new WordTable(2);

  /** After the record's kind. */
  setNumber(index: number, { word, flag }: NumberField, hi: number, lo: number): void {
    if (hi === 0) return this.set(index, word, lo);
    const at = this.#wide.reserve(1);
    this.#wide.set(at, 0, hi);
    this.#wide.set(at, 1, lo);
    this.set(index, word, at);
    this.set(index, ELEMENT_KEY.KIND, this.get(index, ELEMENT_KEY.KIND) | flag);
  }

  high(index: number, { word, flag }: NumberField): number {
    if ((this.get(index, ELEMENT_KEY.KIND) & flag) === 0) return 0;
    return this.#wide.get(this.get(index, word), 0);
  }

  low(index: number, { word, flag }: NumberField): number {
    const value = this.get(index, word);
    if ((this.get(index, ELEMENT_KEY.KIND) & flag) === 0) return value;
    return this.#wide.get(value, 1);
  }
}

/** A number of up to 64 bits in a record, and the flag of those that need more than 32. */
interface NumberField {
  readonly word: number;
  readonly flag: number;
}

/** The first words of every element's record, leaf or branch: its key. */
export const ELEMENT_KEY = {
  KIND: 0,
  /** A row's sub revision. */
  SUB: 2,
  /** What is no row. */
  KEY_LENGTH: 2,
} as const;

/** A row's main revision. */
export const MAIN: NumberField = { word: 1, flag: 0x400 };
/** What is no row: where in the file its key is. */
export const START: NumberField = { ...MAIN };

/** Further words of a leaf element's record. */
export const ELEMENT = {
  ...ELEMENT_KEY,
  /** Bytes of key and value. */
  SIZE: 3,
  /** CRC of the file up to the element's end (contiguous leaves), or the element's own CRC. */
  MARK: 4,
  /** Rows: the user key's number, and what its KeyValue says. */
  KEY: 5,
  VERSION: 6,
  /** Words of a record. */
  WORDS: 8,
} as const;

/** Rows: the revision that created the key. */
export const CREATE: NumberField = { word: 7, flag: 0x800 };

export const BRANCH_ELEMENT = { ...ELEMENT_KEY, CHILD: 3, WORDS: 4 } as const;

/** An element's kind: one of the first four, flags, and from SUFFIX_SHIFT on the 18th key byte + 1. */
export const KIND = {
  PUT: 1,
  TOMBSTONE: 2,
  OTHER: 3,
  BUCKET: 4,
  MASK: 0xf,
  /** The value is no KeyValue. */
  UNREADABLE: 0x10,
  /** mod_revision is not the key's main revision. */
  OTHER_REVISION: 0x20,
  /** The version does not fit 32 bits. */
  WIDE_VERSION: 0x40,
  /** What is no row: which parts of it were kept. */
  KEY_KEPT: 0x80,
  VALUE_KEPT: 0x100,
  /** A row that there was no room or time for: UNREADABLE as well. */
  NOT_EXAMINED: 0x200,
  SUFFIX_SHIFT: 16,
} as const;
