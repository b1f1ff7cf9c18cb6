/**
 * Holdfast as a library: prove a snapshot in one pass, or read its buckets, keys and revisions at random.
 *
 * ```ts
 * const { report } = await inspectFile("snapshot.db");
 * for (const { severity, message } of report.findings) console.log(severity, message);
 *
 * using snapshot = openSnapshot("snapshot.db");
 * for (const { key, modRevision } of snapshot.keys()) console.log(modRevision, key);
 * ```
 *
 * What Holdfast knows to be wrong it throws as HoldfastError; errors of the file system come as they are.
 * Revisions, leases and ids are bigint, sizes and offsets number, keys and values bytes.
 */
import { openDatabase, type Bucket, type Meta } from "./format/bbolt/reader.ts";
import { bytesText } from "./format/bytes.ts";
import type { KeyValue } from "./format/mvcc/key-value.ts";
import { readKeys, readRows, readSpan, type Row, type Span } from "./format/mvcc/rows.ts";
import { openRandomAccess } from "./io/random-access.ts";

export { ERRORS, HoldfastError, type ErrorCode } from "./errors.ts";
export type { Bucket, Entry, Meta } from "./format/bbolt/reader.ts";
export type { Finding, Place } from "./format/finding.ts";
export type { KeyValue } from "./format/mvcc/key-value.ts";
export type { StoredAlarm, StoredMember } from "./format/mvcc/records.ts";
export type { Revision } from "./format/mvcc/revision.ts";
export type { Row, Span } from "./format/mvcc/rows.ts";
export { inspectFile } from "./inspect/file.ts";
export { inspectStream, type InspectOptions } from "./inspect/inspect.ts";
export type * from "./inspect/report.ts";
export { refuseDamaged } from "./inspect/verdict.ts";
export { iterableSource, type ByteSource, type Sink } from "./io/source.ts";

/** A snapshot open for reading; `using` closes its file. */
export interface Snapshot extends Span, Disposable {
  readonly meta: Meta;
  /** Names, ascending. */
  buckets(): Iterable<string>;
  bucket(name: string): Bucket | undefined;
  /** Every change from revision `from` on (default: all that are held), in revision order. */
  rows(from?: bigint): Iterable<Row>;
  /**
   * What a client would read at a revision (default: the head), in the order of the keys' bytes. Memory grows with the
   * number of keys. Throws "revision-compacted" and "revision-in-future".
   */
  keys(atRevision?: bigint): Iterable<KeyValue>;
}

/**
 * Opens a snapshot, or a db file that no server has open, with or without trailer. Reads block, page by page; every one
 * of them throws "snapshot-damaged" where the bytes cannot be read. It proves nothing: that is what `inspectFile` does.
 */
export function openSnapshot(path: string): Snapshot {
  const file = openRandomAccess(path);
  try {
    const database = openDatabase(file.readAt, file.size);
    return {
      meta: database.meta,
      ...readSpan(database),
      *buckets() {
        for (const name of database.bucketNames()) yield bytesText(name);
      },
      bucket: (name) => database.bucket(name),
      rows: (from) => readRows(database, from),
      keys: (atRevision) => readKeys(database, atRevision),
      [Symbol.dispose]: () => file[Symbol.dispose](),
    };
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}
