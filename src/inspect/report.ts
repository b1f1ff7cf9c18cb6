import type { Finding } from "../format/finding.ts";
import type { StoredAlarm, StoredMember } from "../format/mvcc/records.ts";

/**
 * All that one pass over a snapshot learns, computed from the bytes that went by: HashKV and who fills the database
 * when they are first read, the rest already.
 */
export interface Report {
  /** Errors first, then warnings; each in page order. */
  readonly findings: readonly Finding[];
  /** The SHA-256 trailer of a snapshot that came over the wire, recomputed. */
  readonly trailer: "verified" | "mismatch" | "absent";
  /** Only for a file without trailer: who has it open ("free": nobody; "unknown": that cannot be seen here). */
  readonly holder?: string;
  /** SHA-256 of the data without its trailer, hexadecimal. */
  readonly sha256: string;
  /** Bytes read, trailer included. */
  readonly bytes: number;
  readonly pageSize: number;
  /** The high-water mark: pages 0 … pages-1 belong to the database. */
  readonly pages: number;
  /** pages × pageSize: the size of the database, whatever the file's length. */
  readonly dbSize: number;
  /** Bytes of reachable pages. */
  readonly dbSizeInUse: number;
  readonly txid: bigint;
  readonly freelist: "persisted" | "rebuilt";
  /** What `etcdutl snapshot status` of 3.6 and 3.7 prints. */
  readonly status: SnapshotStatus;
  /** The revision a server boots with: the highest of rows and compaction marks, at least 1. */
  readonly revision: bigint;
  /** The compaction revision in effect, scheduled ones included; -1n when there was none. */
  readonly compactRevision: bigint;
  /** HashKV at the head revision. */
  readonly hashKV: HashKV;
  /** Entries of the key bucket: every revision of every key, tombstones included. */
  readonly rows: number;
  readonly liveKeys: number;
  readonly tombstones: number;
  readonly leases: number;
  readonly auth: AuthState;
  readonly alarms: readonly StoredAlarm[];
  /** As the members bucket has them; authoritative only from 3.6 on. */
  readonly members: readonly StoredMember[];
  /** Text of meta/storageVersion ("" when unset, as before 3.6). */
  readonly storageVersion: string;
  /** Text of cluster/clusterVersion ("" when unset). */
  readonly clusterVersion: string;
  /** Target of a downgrade in progress, "" when there is none. */
  readonly downgrade: string;
  readonly consistentIndex: bigint;
  readonly term: bigint;
  /** Live keys by prefix (for Kubernetes: by resource), most bytes first; a thousand at most, shorter ones where there would be more. */
  readonly prefixes: readonly Usage[];
  /** Live keys of Kubernetes by namespace, most bytes first; a thousand at most. */
  readonly namespaces: readonly Usage[];
  /** The largest rows, largest first. */
  readonly largest: readonly LargeObject[];
  /** The keys with the most revisions still held, most first. */
  readonly mostRevised: readonly RevisedKey[];
}

/** What a pass over a snapshot gives. */
export interface Inspection {
  readonly report: Report;
  /**
   * HashKV at a revision (the head when left out); throws "revision-compacted" or "revision-in-future".
   *
   * @param compactRevision as a server answers that has compacted further since: not below the snapshot's own
   */
  hashKV(revision?: bigint, compactRevision?: bigint): HashKV;
}

export interface SnapshotStatus {
  /** CRC-32C over bucket names, keys and values in tree order. */
  readonly hash: number;
  /** The last row's revision; 0n in an empty store. */
  readonly revision: bigint;
  /** Distinct live keys, as 3.6 and 3.7 count. */
  readonly totalKey: number;
  readonly totalSize: number;
  readonly version: string;
}

export interface HashKV {
  readonly hash: number;
  readonly revision: bigint;
  readonly compactRevision: bigint;
}

export interface AuthState {
  readonly enabled: boolean;
  readonly revision: bigint;
  readonly users: readonly string[];
  readonly roles: readonly string[];
}

/** Keys, rows and bytes (of keys and values in every revision still held) under one name. */
export interface Usage {
  readonly name: string;
  readonly keys: number;
  readonly rows: number;
  readonly bytes: number;
}

export interface LargeObject {
  readonly key: string;
  readonly bytes: number;
  readonly revision: bigint;
}

export interface RevisedKey {
  readonly key: string;
  readonly revisions: number;
}
