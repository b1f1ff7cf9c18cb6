/**
 * Writes one bbolt tree from entries in ascending order: leaves as they fill, branches above them as those fill. Nothing
 * is held but one unfinished page a level.
 */
import { BUCKET_HEADER_BYTES, encodeBucketHeader } from "./bucket.ts";
import {
  BRANCH,
  ELEMENT_BYTES,
  elementStart,
  LEAF,
  MAX_ELEMENTS,
  PAGE_HEADER_BYTES,
  putBranchElement,
  putLeafElement,
  putPageHeader,
} from "./page.ts";
import type { Entry } from "./reader.ts";

/** Bytes to be written at an offset of the file. */
export interface PageWrite {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Where new pages go: they are numbered one after the other, and taken from `ready` by whoever writes them. */
export interface PageOutput {
  readonly pageSize: number;
  /** Share of a page after which the next one is begun, above 0 and at most 1. */
  readonly fill: number;
  /** Id of the next page. */
  next: number;
  readonly ready: PageWrite[];
}

/** A branch element: the smallest key below a page. */
export interface Child {
  readonly key: Uint8Array;
  readonly page: number;
}

export interface Tree {
  /** Keys in strictly ascending order (not looked at here); an entry must stay as it is until its leaf came out. */
  add(entry: Entry): void;
  /** Writes what is unfinished and returns the page id of the root; of a tree without entries, an empty leaf. */
  finish(): number;
}

/**
 * Begins a tree whose leaf elements all have `flags`; or goes on with one at its right edge, when `edge` holds the
 * children of the branches there, the lowest level first, each without the child that the level below replaces.
 */
export function beginTree(output: PageOutput, flags: number, edge: Child[][] = []): Tree {
  const limit = output.fill * output.pageSize;
  const levels = edge.map((children) => ({ children, bytes: branchBytes(children) }));
  let entries: Entry[] = [];
  let bytes = PAGE_HEADER_BYTES;

  const endLeaf = (): void => {
    const key = entries.length === 0 ? new Uint8Array(0) : entries[0]!.key.slice();
    addChild(output, levels, 0, { key, page: writeLeaf(output, flags, entries, bytes) });
    entries = [];
    bytes = PAGE_HEADER_BYTES;
  };
  return {
    add(entry) {
      const more = entryBytes(entry);
      if (entries.length === MAX_ELEMENTS || (entries.length > 0 && bytes + more > limit))
        endLeaf();
      entries.push(entry);
      bytes += more;
    },
    finish() {
      if (entries.length > 0 || levels.length === 0) endLeaf();
      return endLevels(output, levels);
    },
  };
}

/** Bytes that an entry takes in a leaf. */
export function entryBytes(entry: Entry): number {
  return ELEMENT_BYTES + entry.key.length + entry.value.length;
}

function branchBytes(children: readonly Child[]): number {
  return children.reduce((sum, child) => sum + childBytes(child), PAGE_HEADER_BYTES);
}

function childBytes(child: Child): number {
  return ELEMENT_BYTES + child.key.length;
}

/** An unfinished branch, and the bytes it would take. */
interface Level {
  children: Child[];
  bytes: number;
}

/**
 * Adds a child to a level. A full branch is written without its last child, which begins the next one: so no new branch
 * has fewer than two.
 */
function addChild(output: PageOutput, levels: Level[], at: number, child: Child): void {
  const level = (levels[at] ??= { children: [], bytes: PAGE_HEADER_BYTES });
  const full =
    level.children.length === MAX_ELEMENTS ||
    level.bytes + childBytes(child) > output.fill * output.pageSize;
  if (full && level.children.length > 2) {
    const last = level.children.pop()!;
    endBranch(output, levels, at, level.children);
    level.children = [last];
    level.bytes = PAGE_HEADER_BYTES + childBytes(last);
  }
  level.children.push(child);
  level.bytes += childBytes(child);
}

function endBranch(
  output: PageOutput,
  levels: Level[],
  at: number,
  children: readonly Child[],
): void {
  const key = children[0]!.key;
  addChild(output, levels, at + 1, { key, page: writeBranch(output, children) });
}

/** Writes the unfinished branches from the lowest up; a single child at the top is the root. */
function endLevels(output: PageOutput, levels: Level[]): number {
  for (let at = 0; ; at++) {
    const { children } = levels[at]!;
    if (at === levels.length - 1 && children.length === 1) return children[0]!.page;
    endBranch(output, levels, at, children);
  }
}

/** Takes the pages that `used` bytes need; returns the page id and the zeroed bytes, which are ready to be written. */
export function takePages(output: PageOutput, used: number): { id: number; bytes: Uint8Array } {
  const { pageSize, next: id } = output;
  const count = Math.ceil(used / pageSize);
  const bytes = new Uint8Array(count * pageSize);
  output.next += count;
  output.ready.push({ offset: id * pageSize, bytes });
  return { id, bytes };
}

function writeLeaf(
  output: PageOutput,
  flags: number,
  entries: readonly Entry[],
  used: number,
): number {
  const { id, bytes } = takePages(output, used);
  const overflow = bytes.length / output.pageSize - 1;
  putPageHeader(bytes, 0, { id, flags: LEAF, count: entries.length, overflow });
  putEntries(bytes, 0, flags, entries);
  return id;
}

function putEntries(
  bytes: Uint8Array,
  base: number,
  flags: number,
  entries: readonly Entry[],
): void {
  let at = elementStart(base, entries.length);
  for (let i = 0; i < entries.length; i++) {
    const { key, value } = entries[i]!;
    putLeafElement(bytes, base, i, {
      flags,
      keyStart: at,
      keySize: key.length,
      valueSize: value.length,
    });
    bytes.set(key, at);
    bytes.set(value, at + key.length);
    at += key.length + value.length;
  }
}

function writeBranch(output: PageOutput, children: readonly Child[]): number {
  const { id, bytes } = takePages(output, branchBytes(children));
  const overflow = bytes.length / output.pageSize - 1;
  putPageHeader(bytes, 0, { id, flags: BRANCH, count: children.length, overflow });
  let at = elementStart(0, children.length);
  for (let i = 0; i < children.length; i++) {
    const { key, page } = children[i]!;
    putBranchElement(bytes, 0, i, { keyStart: at, keySize: key.length, child: page });
    bytes.set(key, at);
    at += key.length;
  }
  return id;
}

/** The bucket value that holds `entries` inline. */
export function encodeInline(entries: readonly Entry[], sequence: bigint): Uint8Array {
  const used = entries.reduce((sum, entry) => sum + entryBytes(entry), PAGE_HEADER_BYTES);
  const value = new Uint8Array(BUCKET_HEADER_BYTES + used);
  value.set(encodeBucketHeader(0, sequence));
  putPageHeader(value, BUCKET_HEADER_BYTES, {
    id: 0,
    flags: LEAF,
    count: entries.length,
    overflow: 0,
  });
  putEntries(value, BUCKET_HEADER_BYTES, 0, entries);
  return value;
}
