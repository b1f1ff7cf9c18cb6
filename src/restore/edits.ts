/**
 * PURE. What a restore changes in the backend, bucket by bucket: the members of the old cluster go, those of the new
 * one come, and raft's position is that of a cluster that has just begun. Keys, leases and users stay; alarms and a
 * downgrade where nobody asks for anything else.
 */
import { HoldfastError } from "../errors.ts";
import type { Edits } from "../format/bbolt/patch.ts";
import type { Database, Entry } from "../format/bbolt/reader.ts";
import { bytesText, compareBytes, textBytes, u64beBytes } from "../format/bytes.ts";
import { BUCKETS } from "../format/mvcc/buckets.ts";
import { idText, memberJSON, type NewMember } from "../format/cluster/member.ts";
import { decodeCompactionMark } from "../format/mvcc/records.ts";
import { decodeRevision, encodeRevision } from "../format/mvcc/revision.ts";
import { votersJSON } from "../format/raft/conf-state.ts";
import { BOOTSTRAP_TERM } from "../format/wal/bootstrap.ts";
import { isOlderTarget, type TargetVersion } from "./target-version.ts";

export interface EditRequest {
  /** Ascending ids. */
  readonly members: readonly NewMember[];
  /** How far the revision is raised above everything that clients may have seen; 0n leaves it. */
  readonly bump: bigint;
  /** The members' version where that is said: it decides about the stored versions. */
  readonly target: TargetVersion | undefined;
  /** What the old cluster was in the middle of, and the new one shall not be. */
  readonly drop: readonly Leftover[];
}

/** Alarms stop all writes, whoever raised them; a downgrade goes on after a restore. */
export type Leftover = "alarms" | "downgrade";

const MAX_REVISION = (1n << 63n) - 1n;

/** New values of rows by their key's text; undefined takes the row out. */
type Changes = Map<string, Uint8Array | undefined>;

export interface BackendEdits extends Edits {
  /** The revision that a bump leads to; undefined without one. */
  readonly raisedTo: bigint | undefined;
}

/** Throws "target-version" and, for a bump beyond 63 bits, "usage". */
export function planEdits(database: Database, request: EditRequest): BackendEdits {
  const { members, bump, target, drop } = request;
  // all of them exist after a restore
  const missing = BUCKETS.filter((name) => database.bucket(name) === undefined);
  const replace = new Map<string, Entry[]>(missing.map((name) => [name, []]));
  replace.set("members", changed([], memberRows(members)));
  replace.set("members_removed", []);
  const meta = raftPosition(members);
  if (drop.includes("alarms")) replace.set("alarm", []);
  if (target !== undefined && isOlderTarget(target, storedVersions(database)))
    meta.set("storageVersion", undefined);
  const cluster = clusterChanges(database, request);
  if (cluster.size > 0)
    replace.set("cluster", changed([...(database.bucket("cluster")?.entries() ?? [])], cluster));
  const raisedTo = bump === 0n ? undefined : raisedRevision(database, bump);
  const append = new Map<string, Entry[]>();
  if (raisedTo !== undefined) {
    const key = encodeRevision({ main: raisedTo, sub: 0n });
    meta.set("scheduledCompactRev", key);
    // As etcdutl does it: a row of the empty key, which no client can read, holds the revision.
    append.set("key", [{ key, value: new Uint8Array(0) }]);
  }
  replace.set("meta", changed([...(database.bucket("meta")?.entries() ?? [])], meta));
  return { replace, append, raisedTo };
}

/**
 * The index of the last entry that the data contains: one entry adds each member. Were it higher, a server would skip
 * what clients write; were it lower, it would not start.
 */
function raftPosition(members: readonly NewMember[]): Changes {
  return new Map([
    ["consistent_index", u64beBytes(BigInt(members.length))],
    ["term", u64beBytes(BOOTSTRAP_TERM)],
    ["confState", textBytes(votersJSON(members.map(({ id }) => id)))],
  ]);
}

/**
 * Older members stop at versions above their own; equal and newer ones raise them. A downgrade that was under way has
 * no place among members whose version is given.
 */
function clusterChanges(database: Database, { target, drop }: EditRequest): Changes {
  const changes: Changes = new Map();
  if (target !== undefined || drop.includes("downgrade")) changes.set("downgrade", undefined);
  if (target !== undefined && isOlderTarget(target, storedVersions(database)))
    changes.set("clusterVersion", undefined);
  return changes;
}

function storedVersions(database: Database): string[] {
  const stored = [
    database.bucket("meta")?.get(textBytes("storageVersion")),
    database.bucket("cluster")?.get(textBytes("clusterVersion")),
  ];
  return stored.map((text) => (text === undefined ? "" : bytesText(text)));
}

function raisedRevision(database: Database, bump: bigint): bigint {
  const raised = latestRevision(database) + bump;
  if (raised <= MAX_REVISION) return raised;
  throw new HoldfastError("usage", `--bump-revision ${bump} leads to ${raised}, beyond 63 bits`);
}

/**
 * The revision that a server would boot with: a compaction at a deletion can leave the last row below it. 0n for an
 * empty store: etcdutl counts from there too.
 */
function latestRevision(database: Database): bigint {
  const lastKey = database.bucket("key")?.lastKey();
  const last = lastKey === undefined ? "no rows" : decodeRevision(lastKey);
  const marks = ["scheduledCompactRev", "finishedCompactRev"].map((name) => {
    const value = database.bucket("meta")?.get(textBytes(name));
    return value === undefined ? 0n : decodeCompactionMark(value);
  });
  let latest = 0n;
  for (const revision of [typeof last === "string" ? last : last.main, ...marks])
    if (typeof revision === "bigint" && revision > latest) latest = revision;
  return latest;
}

function memberRows(members: readonly NewMember[]): Changes {
  return new Map(members.map((member) => [idText(member.id), textBytes(memberJSON(member))]));
}

/** The rows with the changes made, ascending. */
function changed(rows: readonly Entry[], changes: Changes): Entry[] {
  const kept = rows.filter(({ key }) => !changes.has(bytesText(key)));
  const added = [...changes].flatMap(([key, value]) =>
    value === undefined ? [] : [{ key: textBytes(key), value }],
  );
  return [...kept, ...added].toSorted((a, b) => compareBytes(a.key, b.key));
}
