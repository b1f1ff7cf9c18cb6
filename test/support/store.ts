/**
 * A key-value store as a server keeps it, in memory: rows as they lie in the bucket `key`, and HashKV and status
 * computed in the plainest way, straight from their definitions. What the inspector says is held against it.
 */
import { bytesText, compareBytes, concatBytes, textBytes, toHex } from "../../src/format/bytes.ts";
import { crc32c } from "../../src/format/crc32c.ts";
import type { Entry } from "../../src/format/bbolt/reader.ts";
import { decodeKeyValue } from "../../src/format/mvcc/key-value.ts";
import { decodeRevision, encodeRevision, isTombstone } from "../../src/format/mvcc/revision.ts";
import type { Revision } from "../../src/format/mvcc/revision.ts";
import { bytesField, varintField } from "../../src/format/protobuf.ts";
import type { Buckets } from "./database.ts";

type Bytes = string | Uint8Array;

export interface Put {
  readonly put: Bytes;
  readonly value?: Bytes;
  readonly lease?: bigint;
}

/** One change of a transaction. */
export type Change = Put | { readonly remove: Bytes };

export interface Store {
  /** The revision of the last transaction; 1n in the beginning. */
  readonly head: bigint;
  /** Of the last compaction; -1n when there was none. */
  readonly compacted: bigint;
  /** The rows, ascending: what the bucket `key` holds. */
  readonly rows: readonly Entry[];
  /** One transaction: one revision. Removing a key that is not there changes nothing. */
  write(...changes: readonly Change[]): Store;
  put(key: Bytes, value?: Bytes, lease?: bigint): Store;
  remove(key: Bytes): Store;
  /** As servers from 3.4.34, 3.5.16 and 3.6 on: a tombstone at the revision itself stays. */
  compact(at: bigint): Store;
}

/** An empty store; with a past that was compacted and is gone, where `head` is not 1. */
export function emptyStore(head = 1n): Store {
  const live = new Map<string, { create: bigint; version: bigint }>();
  let rows: Entry[] = [];
  let compacted = head === 1n ? -1n : head;

  const rowOf = (change: Change, revision: Revision): Entry | undefined => {
    const key = bytesOf("put" in change ? change.put : change.remove);
    const before = live.get(toHex(key));
    if (!("put" in change)) {
      if (!live.delete(toHex(key))) return undefined;
      return { key: tombstoneKey(revision), value: bytesField(1, key) };
    }
    const { main } = revision;
    const now = before
      ? { create: before.create, version: before.version + 1n }
      : { create: main, version: 1n };
    live.set(toHex(key), now);
    const value = encodeKeyValue({
      key,
      createRevision: now.create,
      modRevision: main,
      version: now.version,
      value: bytesOf(change.value ?? ""),
      lease: change.lease ?? 0n,
    });
    return { key: encodeRevision(revision), value };
  };
  const store: Store = {
    get head() {
      return head;
    },
    get compacted() {
      return compacted;
    },
    get rows() {
      return rows;
    },
    write(...changes) {
      let sub = 0n;
      for (const change of changes) {
        const row = rowOf(change, { main: head + 1n, sub });
        if (row === undefined) continue;
        rows.push(row);
        sub++;
      }
      if (sub > 0n) head++;
      return store;
    },
    put: (key, value = "", lease = 0n) => store.write({ put: key, value, lease }),
    remove: (key) => store.write({ remove: key }),
    compact(at) {
      rows = rows.filter((row) => survives(rows, row, at));
      compacted = at;
      return store;
    },
  };
  return store;
}

function survives(rows: readonly Entry[], row: Entry, at: bigint): boolean {
  const { main } = revisionOf(row.key);
  if (main > at || (main === at && isTombstone(row.key))) return true;
  return !isTombstone(row.key) && newestRows(rows, at).get(toHex(userKey(row))) === row;
}

function newestRows(rows: readonly Entry[], at: bigint): Map<string, Entry> {
  const newest = new Map<string, Entry>();
  for (const row of rows) if (revisionOf(row.key).main <= at) newest.set(toHex(userKey(row)), row);
  return newest;
}

function userKey(row: Entry): Uint8Array {
  return decodeKeyValue(row.value).key;
}

function revisionOf(key: Uint8Array): Revision {
  const revision = decodeRevision(key);
  if (typeof revision === "string") throw new Error(revision);
  return revision;
}

export interface KeyValueOptions {
  readonly key?: Bytes;
  readonly createRevision?: bigint;
  readonly modRevision?: bigint;
  readonly version?: bigint;
  readonly value?: Bytes;
  readonly lease?: bigint;
}

/** A row's value as servers write it: zeros are left out. */
export function encodeKeyValue(fields: KeyValueOptions): Uint8Array {
  const { key = "", value = "", createRevision = 0n, modRevision = 0n, version = 0n } = fields;
  const { lease = 0n } = fields;
  const number = (field: number, content: bigint): Uint8Array =>
    content === 0n ? new Uint8Array(0) : varintField(field, content);
  const bytes = (field: number, content: Bytes): Uint8Array =>
    content.length === 0 ? new Uint8Array(0) : bytesField(field, bytesOf(content));
  return concatBytes([
    bytes(1, key),
    number(2, createRevision),
    number(3, modRevision),
    number(4, version),
    bytes(5, value),
    number(6, lease),
  ]);
}

export function tombstoneKey(revision: Revision): Uint8Array {
  return concatBytes([encodeRevision(revision), textBytes("t")]);
}

export function bytesOf(content: Bytes): Uint8Array {
  return typeof content === "string" ? textBytes(content) : content;
}

/** HashKV of rows at `revision`, with everything up to `compacted` compacted. */
export function hashOfRows(rows: readonly Entry[], revision: bigint, compacted: bigint): number {
  const kept = new Set<Entry>();
  for (const row of newestRows(rows, revision).values()) if (!isTombstone(row.key)) kept.add(row);
  let crc = crc32c(textBytes("key"));
  for (const row of rows) {
    const { main } = revisionOf(row.key);
    if (main > revision) continue;
    if (main <= compacted && kept.size > 0 && !kept.has(row)) continue;
    if (main === compacted && isTombstone(row.key)) continue;
    crc = crc32c(row.value, crc32c(row.key, crc));
  }
  return crc;
}

/** What `etcdutl snapshot status` of 3.6 says of these buckets, but for the size. */
export function statusOf(buckets: Buckets): {
  hash: number;
  revision: bigint;
  totalKey: number;
  version: string;
} {
  const ordered = [...buckets].toSorted(([a], [b]) => compareBytes(textBytes(a), textBytes(b)));
  let hash = 0;
  for (const [name, entries] of ordered) {
    hash = crc32c(textBytes(name), hash);
    for (const { key, value } of entries) hash = crc32c(value, crc32c(key, hash));
  }
  const rows = buckets.get("key") ?? [];
  const last = rows.at(-1);
  const revision = last === undefined ? 0n : revisionOf(last.key).main;
  const newest = [...newestRows(rows, revision).values()];
  const version = buckets
    .get("meta")
    ?.find(({ key }) => bytesText(key) === "storageVersion")?.value;
  return {
    hash,
    revision,
    totalKey: newest.filter((row) => !isTombstone(row.key)).length,
    version: bytesText(version ?? new Uint8Array(0)),
  };
}
