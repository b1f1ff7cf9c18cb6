/** Writes a bbolt file by bulk load: sorted entries in, pages out, in bounded memory. */
import { HoldfastError } from "../../errors.ts";
import { compareBytes, textBytes, toHex } from "../bytes.ts";
import { encodeBucketHeader, maxInlineBytes } from "./bucket.ts";
import { encodeFreelist } from "./freelist.ts";
import { encodeMeta, isPageSize, type Meta } from "./meta.ts";
import {
  BUCKET_ELEMENT,
  MAX_ELEMENTS,
  MAX_KEY_BYTES,
  MAX_VALUE_BYTES,
  PAGE_HEADER_BYTES,
} from "./page.ts";
import type { Entry } from "./reader.ts";
import {
  beginTree,
  encodeInline,
  entryBytes,
  type PageOutput,
  type PageWrite,
  takePages,
  type Tree,
} from "./tree.ts";

export type { PageWrite } from "./tree.ts";

export interface BucketSource {
  readonly name: string;
  /** Ascending keys of 1 to 32768 bytes; an entry must stay as it is until the page with it came out. */
  readonly entries: Iterable<Entry>;
}

export interface WriteOptions {
  /** Bytes, a power of two from 1 KiB to 16 MiB. etcd has the page size of its machine: 4, 16 or 64 KiB. */
  readonly pageSize: number;
  /** Share of a page that is filled, above 0 and at most 1; default 0.9, as etcd fills its `key` bucket. */
  readonly fill?: number;
  /** Default "none", as etcd on Linux; "persisted" adds an empty freelist page, as on other systems. */
  readonly freelist?: "none" | "persisted";
}

export const DEFAULT_FILL = 0.9;
/** The first two pages are the metas. */
const FIRST_PAGE = 2;
/** Transaction id of a new file, as bbolt's own: its second meta has one less. */
const FIRST_TXID = 2n;

/**
 * The pages of a new file with `buckets` (ascending names) in it, by ascending offset, but for the two metas, which come
 * last: without them it is no bbolt file. Written one after the other they leave no byte out.
 * Throws "failed" when keys or names are not ascending or have a size that bbolt refuses.
 */
export function* writeDatabase(
  buckets: Iterable<BucketSource>,
  options: WriteOptions,
): Generator<PageWrite, void> {
  const { pageSize, fill = DEFAULT_FILL } = options;
  if (!isPageSize(pageSize) || !(fill > 0 && fill <= 1))
    throw refused("a bbolt file", `page size ${pageSize} and fill ${fill} do not fit`);
  const output: PageOutput = { pageSize, fill, next: FIRST_PAGE, ready: [] };
  const names = beginTree(output, BUCKET_ELEMENT);
  let previous: Uint8Array | undefined;
  for (const { name, entries } of buckets) {
    const key = textBytes(name);
    checkKey("the root bucket", key, previous);
    previous = key;
    names.add({ key, value: yield* writeBucket(output, name, entries, 0n) });
  }
  const root = names.finish();
  const freelist = options.freelist === "persisted" ? writeFreelist(output) : undefined;
  yield* taken(output);
  yield* writeMetas({
    pageSize,
    root,
    sequence: 0n,
    freelist,
    pages: output.next,
    txid: FIRST_TXID,
  });
}

/** Writes the pages of one bucket, none when it is small enough to be inline, and returns its bucket value. */
export function* writeBucket(
  output: PageOutput,
  name: string,
  entries: Iterable<Entry>,
  sequence: bigint,
): Generator<PageWrite, Uint8Array> {
  const inline: Entry[] = [];
  let bytes = PAGE_HEADER_BYTES;
  let tree: Tree | undefined;
  for (const entry of ascending(name, entries)) {
    if (tree === undefined) {
      inline.push(entry);
      bytes += entryBytes(entry);
      if (bytes <= maxInlineBytes(output.pageSize) && inline.length <= MAX_ELEMENTS) continue;
      tree = beginTree(output, 0);
      for (const early of inline) tree.add(early);
    } else tree.add(entry);
    if (output.ready.length > 0) yield* taken(output);
  }
  if (tree === undefined) return encodeInline(inline, sequence);
  const root = tree.finish();
  yield* taken(output);
  return encodeBucketHeader(root, sequence);
}

/** The pages that are ready, each once. */
export function taken(output: PageOutput): PageWrite[] {
  return output.ready.splice(0);
}

/**
 * Both metas, in the order to write them: as in a snapshot taken by bbolt they differ in the transaction id only,
 * which is one less in the second. At each instant between, the valid ones lead to a whole state.
 */
export function writeMetas(meta: Meta): PageWrite[] {
  const second = encodeMeta(1, { ...meta, txid: meta.txid - 1n });
  return [
    { offset: meta.pageSize, bytes: second },
    { offset: 0, bytes: encodeMeta(0, meta) },
  ];
}

function writeFreelist(output: PageOutput): number {
  const { id, bytes } = takePages(output, PAGE_HEADER_BYTES);
  bytes.set(encodeFreelist(id, [], output.pageSize));
  return id;
}

/** Passes on entries that are to follow the key `after`; throws "failed" at the first that bbolt would not have there. */
export function* ascending(
  name: string,
  entries: Iterable<Entry>,
  after?: Uint8Array,
): Generator<Entry> {
  let previous = after;
  for (const entry of entries) {
    checkKey(`bucket "${name}"`, entry.key, previous);
    previous = entry.key;
    if (entry.value.length > MAX_VALUE_BYTES)
      throw refused(`bucket "${name}"`, `a value has ${entry.value.length} bytes`);
    yield entry;
  }
}

/** Throws "failed" for a key (or bucket name) that bbolt would not have after `previous`. */
export function checkKey(where: string, key: Uint8Array, previous?: Uint8Array): void {
  if (key.length === 0 || key.length > MAX_KEY_BYTES)
    throw refused(where, `a key has ${key.length} bytes, wanted 1 to ${MAX_KEY_BYTES}`);
  if (previous !== undefined && compareBytes(previous, key) >= 0)
    throw refused(where, `key ${toHex(key)} comes after ${toHex(previous)}, wanted ascending keys`);
}

/** The error for contents that a bbolt file cannot have. */
function refused(where: string, what: string): HoldfastError {
  return new HoldfastError("failed", `cannot write ${where}: ${what}`);
}
