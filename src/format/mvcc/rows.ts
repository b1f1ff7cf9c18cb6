/**
 * The rows of a backend, read at random: one by one in revision order, or as the keys that a client would see at a
 * revision. Nothing is checked beyond what reading needs; that is the work of an inspection.
 */
import { HoldfastError } from "../../errors.ts";
import type { Bucket, Database } from "../bbolt/reader.ts";
import { textBytes, toHex } from "../bytes.ts";
import { decodeKeyValue, type KeyValue } from "./key-value.ts";
import { decodeCompactionMark } from "./records.ts";
import { decodeRevision, encodeRevision, isTombstone, type Revision } from "./revision.ts";

/** One change of one key. A tombstone has the key and nothing else. */
export interface Row extends KeyValue {
  readonly revision: Revision;
  /** A deletion. */
  readonly tombstone: boolean;
}

/** From where to where a backend's history goes. */
export interface Span {
  /** The revision a server boots with: the highest of rows and compaction marks, at least 1n. */
  readonly revision: bigint;
  /** The oldest revision that can be asked for; -1n when nothing was ever compacted. */
  readonly compactRevision: bigint;
}

const MARKS = ["scheduledCompactRev", "finishedCompactRev"] as const;
const FIRST_REVISION = 1n;
const END_OF_REVISIONS = 1n << 63n;

/** Throws "snapshot-damaged" when the last row or a compaction mark cannot be read. */
export function readSpan(database: Database): Span {
  const meta = database.bucket("meta");
  let compactRevision = -1n;
  for (const name of MARKS) {
    const value = meta?.get(textBytes(name));
    if (value === undefined) continue;
    const mark = decodeCompactionMark(value);
    if (typeof mark === "string") throw damaged(`meta/${name}`, mark);
    if (mark > compactRevision) compactRevision = mark;
  }
  const last = database.bucket("key")?.lastKey();
  const head = last === undefined ? FIRST_REVISION : revisionOf(last).main;
  return { revision: head > compactRevision ? head : compactRevision, compactRevision };
}

/**
 * Rows from revision `from` on, in revision order; keys and values are views of the file's bytes.
 * Throws "snapshot-damaged" at a row that cannot be read.
 */
export function* readRows(database: Database, from = 0n): Generator<Row, void> {
  if (from >= END_OF_REVISIONS) return;
  const first = from > 0n ? encodeRevision({ main: from, sub: 0n }) : undefined;
  for (const { key, value } of database.bucket("key")?.entries(first) ?? [])
    yield {
      ...keyValueOf(key, value),
      revision: revisionOf(key),
      tombstone: isTombstone(key),
    };
}

/**
 * The keys that are there at `revision` (the head when left out), in the order of their bytes, as a range over
 * everything answers. Memory is some hundred bytes a key, whatever its value.
 * Throws "revision-compacted" and "revision-in-future" at once, "snapshot-damaged" as `readRows`.
 */
export function readKeys(database: Database, revision?: bigint): Iterable<KeyValue> {
  const span = readSpan(database);
  const at = revision ?? span.revision;
  if (at < span.compactRevision)
    throw new HoldfastError(
      "revision-compacted",
      `revision ${at} has been compacted: the history begins at ${span.compactRevision}`,
    );
  if (at > span.revision)
    throw new HoldfastError(
      "revision-in-future",
      `revision ${at} is not there yet: the head is ${span.revision}`,
    );
  const bucket = database.bucket("key");
  return bucket === undefined ? [] : keysAt(bucket, at);
}

/** One walk over the rows up to `revision`, then one look-up a key. */
function* keysAt(bucket: Bucket, revision: bigint): Generator<KeyValue, void> {
  const newest = new Map<string, Uint8Array>();
  for (const { key, value } of bucket.entries()) {
    if (revisionOf(key).main > revision) break;
    const name = byteText(keyValueOf(key, value).key);
    if (isTombstone(key)) newest.delete(name);
    else newest.set(name, key.slice());
  }
  // A row of the empty key holds the revision that a restore was bumped to: no client can read it.
  newest.delete("");
  for (const name of [...newest.keys()].toSorted()) {
    const key = newest.get(name)!;
    const value = bucket.get(key);
    if (value === undefined) throw damaged(`row ${toHex(key)}`, "it is not where its key leads");
    yield keyValueOf(key, value);
  }
}

/** A character a byte: equal for equal bytes, and in their order. */
function byteText(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 1024)
    text += String.fromCharCode(...bytes.subarray(at, at + 1024));
  return text;
}

function keyValueOf(key: Uint8Array, value: Uint8Array): KeyValue {
  try {
    return decodeKeyValue(value);
  } catch (cause) {
    throw damaged(`row ${toHex(key)}`, (cause as Error).message, cause);
  }
}

function revisionOf(key: Uint8Array): Revision {
  const revision = decodeRevision(key);
  if (typeof revision !== "string") return revision;
  throw damaged(`row ${toHex(key.subarray(0, 32))}`, revision);
}

function damaged(what: string, why: string, cause?: unknown): HoldfastError {
  return new HoldfastError("snapshot-damaged", `cannot read ${what}: ${why}`, {
    hint: "see all that is wrong with it: holdfast inspect FILE",
    cause,
  });
}
