import { bytesText, putU32le } from "../format/bytes.ts";
import { Arena } from "./arena.ts";
import type { Budget } from "./budget.ts";
import { NameHash } from "./name-hash.ts";
import { WordTable } from "./words.ts";

/**
 * The distinct user keys met so far, each under a small number. A key is kept as its directory (up to the last
 * slash, shared by many) and its name, so that a key costs its name and some tens of bytes.
 */
export class KeyTable {
  readonly #names: NameTable;
  readonly #directories: NameTable;

  /** @param seed random: keys that collide on purpose must not be possible */
  constructor(seed: number, budget: Budget) {
    this.#names = new NameTable(seed, budget);
    this.#directories = new NameTable(~seed, budget);
  }

  get length(): number {
    return this.#names.length;
  }

  get directories(): number {
    return this.#directories.length;
  }

  /** The number of the key in bytes[at, at + length), new or known; NO_NUMBER when there is no room or time for it. */
  number(bytes: Uint8Array, at: number, length: number): number {
    const end = at + length;
    let cut = end;
    while (cut > at && bytes[cut - 1] !== SLASH) cut--;
    const directory = this.#directories.number(0, bytes, at, cut - at);
    if (directory === NO_NUMBER) return NO_NUMBER;
    return this.#names.number(directory, bytes, cut, end - cut);
  }

  directoryOf(key: number): number {
    return this.#names.groupOf(key);
  }

  directoryText(directory: number): string {
    return this.#directories.text(directory);
  }

  text(key: number): string {
    return this.#directories.text(this.#names.groupOf(key)) + this.#names.text(key);
  }
}

/** Instead of a key's number. */
export const NO_NUMBER = -1;

const SLASH = 0x2f;

const GROUP = 0;
const HASH = 1;
const POSITION = 2;
const LENGTH = 3;

/** Names longer than this are told apart by their first bytes and a digest of the rest. */
const KEPT_WHOLE = 4096;
const DIGEST_BYTES = 32;

/** Byte strings inside groups, numbered in the order met: an open-addressing table over an arena. */
class NameTable {
  readonly #hash: NameHash;
  /** One for each word of a long name's digest. */
  readonly #digests: readonly NameHash[];
  readonly #budget: Budget;
  readonly #arena = new Arena(1 << 30);
  readonly #records = new WordTable(4);
  #slots = new Uint32Array(1 << 12);

  constructor(seed: number, budget: Budget) {
    this.#hash = new NameHash(seed, ~seed);
    this.#digests = Array.from(
      { length: DIGEST_BYTES / 4 },
      (_, word) => new NameHash(seed ^ (word + 1), ~seed),
    );
    this.#budget = budget;
  }

  get length(): number {
    return this.#records.length;
  }

  groupOf(name: number): number {
    return this.#records.get(name, GROUP);
  }

  text(name: number): string {
    const length = this.#records.get(name, LENGTH);
    const kept = this.#arena.read(
      this.#records.get(name, POSITION),
      Math.min(length, KEPT_WHOLE - DIGEST_BYTES),
    );
    return length < KEPT_WHOLE ? bytesText(kept) : `${bytesText(kept)}… (${length} bytes)`;
  }

  number(group: number, bytes: Uint8Array, at: number, length: number): number {
    if (length >= KEPT_WHOLE) {
      if (!this.#budget.spend(length)) return NO_NUMBER;
      return this.#find(group, this.#shorten(bytes, at, length), 0, KEPT_WHOLE, length);
    }
    return this.#find(group, bytes, at, length, length);
  }

  #find(group: number, bytes: Uint8Array, at: number, kept: number, length: number): number {
    const hash = this.#hash.of(group, bytes, at, kept);
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const name = this.#slots[slot]! - 1;
      const records = this.#records;
      if (
        records.get(name, HASH) === hash &&
        records.get(name, GROUP) === group &&
        records.get(name, LENGTH) === length &&
        this.#arena.matches(records.get(name, POSITION), bytes, at, kept)
      )
        return name;
    }
    return this.#add(slot, group, hash, bytes, at, kept, length);
  }

  #add(
    slot: number,
    group: number,
    hash: number,
    bytes: Uint8Array,
    at: number,
    kept: number,
    length: number,
  ): number {
    const position = this.#arena.keep(bytes, at, kept);
    if (position < 0) return NO_NUMBER;
    const name = this.#records.reserve(1);
    this.#records.set(name, GROUP, group);
    this.#records.set(name, HASH, hash);
    this.#records.set(name, POSITION, position);
    this.#records.set(name, LENGTH, length);
    this.#slots[slot] = name + 1;
    if (this.#records.length * 3 > this.#slots.length * 2) this.#grow();
    return name;
  }

  #grow(): void {
    const slots = new Uint32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let name = 0; name < this.#records.length; name++) {
      let slot = this.#records.get(name, HASH) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = name + 1;
    }
    this.#slots = slots;
  }

  /** The first bytes of a long name, and 256 bits of hash over all of it. */
  #shorten(bytes: Uint8Array, at: number, length: number): Uint8Array {
    const short = new Uint8Array(KEPT_WHOLE);
    const kept = KEPT_WHOLE - DIGEST_BYTES;
    short.set(bytes.subarray(at, at + kept));
    for (const [word, hash] of this.#digests.entries())
      putU32le(short, kept + 4 * word, hash.of(length, bytes, at, length));
    return short;
  }
}
