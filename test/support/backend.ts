/** Whole backends and snapshots in memory: the ten buckets of a server, and the file that it would send. */
import { createHash } from "node:crypto";
import { concatBytes, u64beBytes } from "../../src/format/bytes.ts";
import type { Entry } from "../../src/format/bbolt/reader.ts";
import { encodeRevision } from "../../src/format/mvcc/revision.ts";
import { varintField } from "../../src/format/protobuf.ts";
import type { WriteOptions } from "../../src/format/bbolt/writer.ts";
import { databaseOf } from "./database.ts";
import type { Buckets } from "./database.ts";
import { bytesOf } from "./store.ts";
import type { Store } from "./store.ts";

export const MEMBER_ID = 0x2ce2_ba25_8fd5_5b28n;

/** Entries in the order of their keys (texts, or bytes). */
export function entries(
  ...pairs: readonly [key: string | Uint8Array, value: string | Uint8Array][]
): Entry[] {
  return pairs.map(([key, value]) => ({ key: bytesOf(key), value: bytesOf(value) }));
}

/** A compaction mark of the bucket `meta`. */
export function compactionMark(revision: bigint): Uint8Array {
  return encodeRevision({ main: revision, sub: 0n });
}

export function leaseRecord(id: bigint, ttlSeconds = 60): Entry {
  const value = concatBytes([varintField(1, id), varintField(2, ttlSeconds)]);
  return { key: u64beBytes(id), value };
}

/** The records of the bucket `meta` of a server of 3.6, ascending. */
export function metaRecords({ compacted }: Pick<Store, "compacted">): Entry[] {
  const marks = ["finishedCompactRev", "scheduledCompactRev"].map((name): [string, Uint8Array] => [
    name,
    compactionMark(compacted),
  ]);
  return entries(
    ["confState", `{"voters":[${MEMBER_ID}],"auto_leave":false}`],
    ["consistent_index", u64beBytes(4711n)],
    ...(compacted < 0n ? [] : marks),
    ["storageVersion", "3.6.0"],
    ["term", u64beBytes(3n)],
  );
}

/** The buckets of a server of 3.6 with one member; `changes` replaces whole buckets, undefined leaves one out. */
export function backendOf(
  store: Store,
  changes: Readonly<Record<string, readonly Entry[] | undefined>> = {},
): Buckets {
  const member = `{"id":${MEMBER_ID},"peerURLs":["http://localhost:2380"],"name":"m1","clientURLs":["http://localhost:2379"]}`;
  const buckets: Record<string, readonly Entry[] | undefined> = {
    alarm: [],
    auth: entries(["authRevision", u64beBytes(1n)]),
    authRoles: [],
    authUsers: [],
    cluster: entries(["clusterVersion", "3.6.0"]),
    key: store.rows,
    lease: [],
    members: entries([MEMBER_ID.toString(16), member]),
    members_removed: [],
    meta: metaRecords(store),
    ...changes,
  };
  const made: Buckets = new Map();
  for (const [name, records] of Object.entries(buckets))
    if (records !== undefined) made.set(name, [...records]);
  return made;
}

/** The database with the SHA-256 behind it, as a server sends it. */
export function withTrailer(database: Uint8Array): Uint8Array<ArrayBuffer> {
  const digest = createHash("sha256").update(database).digest();
  const out = new Uint8Array(database.length + digest.length);
  out.set(database);
  out.set(digest, database.length);
  return out;
}

/** What a server with these buckets sends. */
export function snapshotOf(
  buckets: Buckets,
  options: Partial<WriteOptions> = {},
): Uint8Array<ArrayBuffer> {
  return withTrailer(databaseOf(buckets, { pageSize: 4096, ...options }));
}
