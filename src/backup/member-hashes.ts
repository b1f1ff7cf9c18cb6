/** The story of `hashkv` for a live cluster: one revision, hashed by every member. */
import { HoldfastError } from "../errors.ts";
import type { ClusterClient } from "../etcd/cluster-client.ts";
import type { Connection } from "../etcd/connection.ts";
import { Maintenance, type Member } from "../etcd/gen/etcdserverpb/rpc_pb.ts";
import { askMembers, memberList, type AskOptions } from "./cluster-members.ts";

export interface HashOptions extends AskOptions {
  /** 0n: the newest that every member has. */
  readonly revision: bigint;
}

/** One member's answer, or why there is none. */
export interface MemberHash {
  readonly endpoint: string;
  readonly memberId: bigint;
  /** "" for a member that has not started yet. */
  readonly name: string;
  readonly isLearner: boolean;
  readonly answer: Hash | HoldfastError;
}

export interface Hash {
  readonly hash: number;
  /** What was hashed up to. */
  readonly revision: bigint;
  /** What had been compacted away of it; -1n for nothing. Hashes are comparable only where this is the same. */
  readonly compactRevision: bigint;
}

/** A compaction between two answers makes them incomparable; after so many it is no coincidence. */
const ROUNDS = 3;

/**
 * The hash that every member of the cluster gives at one revision, in the order of its member list. Members that no
 * endpoint belongs to are asked at the URLs that they advertise. Throws when no endpoint answers.
 */
export async function memberHashes(
  client: ClusterClient,
  options: HashOptions,
): Promise<MemberHash[]> {
  const asked = await askMembers(client, options);
  const { signal } = options;
  const members = await memberList(client, signal);
  const places = members.map((member) => ({
    member,
    connection:
      asked.find(({ memberId }) => memberId === member.ID)?.connection ??
      (member.clientURLs[0] === undefined ? undefined : client.connect(member.clientURLs[0])),
  }));
  for (let round = 1; ; round++) {
    const rows = await hashesNow(places, options.revision, signal);
    if (options.revision !== 0n || round === ROUNDS || areComparable(rows)) return rows;
  }
}

interface Place {
  readonly member: Member;
  readonly connection: Connection | undefined;
}

/** All members' hashes at `revision`; at 0n: at the lowest head of those that tell theirs, which the others have too. */
async function hashesNow(
  places: readonly Place[],
  revision: bigint,
  signal: AbortSignal,
): Promise<MemberHash[]> {
  const heads = await Promise.all(
    places.map(async (place) => (revision === 0n ? headOf(place, signal) : revision)),
  );
  const least = heads
    .filter((head) => typeof head === "bigint")
    .reduce((low, head) => (low === 0n || head < low ? head : low), 0n);
  return Promise.all(
    places.map(async (place, i) => {
      const { ID: memberId, name, isLearner } = place.member;
      const endpoint = place.connection?.endpoint.text ?? "";
      const head = heads[i]!;
      const answer = typeof head === "bigint" ? await hashAt(place, least, signal) : head;
      return { endpoint, memberId, name, isLearner, answer };
    }),
  );
}

function headOf(place: Place, signal: AbortSignal): Promise<bigint | HoldfastError> {
  return attempt(place, signal, async (connection) => {
    const { header } = await connection.unary(Maintenance.method.status, {}, { signal });
    return header?.revision ?? 0n;
  });
}

function hashAt(
  place: Place,
  revision: bigint,
  signal: AbortSignal,
): Promise<Hash | HoldfastError> {
  return attempt(place, signal, async (connection) => {
    const told = await connection.unary(Maintenance.method.hashKV, { revision }, { signal });
    const { hash, hashRevision, compactRevision } = told;
    // servers before 3.6 do not say what they hashed
    return { hash, revision: hashRevision || revision, compactRevision };
  });
}

/** The result, or the failure as a value; an interruption ends everything. */
async function attempt<T>(
  { member, connection }: Place,
  signal: AbortSignal,
  work: (connection: Connection) => Promise<T>,
): Promise<T | HoldfastError> {
  if (connection === undefined) return notStarted(member.ID);
  try {
    return await work(connection);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof HoldfastError) return error;
    throw error;
  }
}

function notStarted(id: bigint): HoldfastError {
  return new HoldfastError("connection-failed", `member ${id.toString(16)} has not started yet`, {
    hint: "start it, or remove it from the cluster",
  });
}

function areComparable(rows: readonly MemberHash[]): boolean {
  const answers = rows.map(({ answer }) => answer);
  const compacted = new Set(answers.filter(isHash).map((hash) => hash.compactRevision));
  const isOvertaken = answers.some((one) => !isHash(one) && one.code === "revision-compacted");
  return compacted.size <= 1 && !isOvertaken;
}

function isHash(answer: Hash | HoldfastError): answer is Hash {
  return !(answer instanceof HoldfastError);
}

/**
 * Throws "members-disagree" if two members hash the same differently; else the failure of the first member that gave
 * no hash (learners never do); else "failed" if their hashes cannot be compared.
 */
export function requireAgreement(rows: readonly MemberHash[]): void {
  const hashes = rows.flatMap((row) => (isHash(row.answer) ? [{ ...row, ...row.answer }] : []));
  for (const one of hashes)
    for (const other of hashes)
      if (one.compactRevision === other.compactRevision && one.hash !== other.hash)
        throw disagreement(hashes);
  for (const { answer, isLearner } of rows) if (!isHash(answer) && !isLearner) throw answer;
  if (!areComparable(rows))
    throw new HoldfastError(
      "failed",
      "the members' hashes cannot be compared: they have compacted different revisions",
      { hint: "write any key, or wait for the next compaction, then try again" },
    );
}

function disagreement(hashes: readonly (MemberHash & Hash)[]): HoldfastError {
  const told = hashes.map(({ name, hash }) => `${name} ${hash.toString(16).padStart(8, "0")}`);
  return new HoldfastError(
    "members-disagree",
    `the members hold different data at revision ${hashes[0]!.revision}: ${told.join(", ")}`,
    { hint: "change nothing yet: save a snapshot of every member, one endpoint at a time" },
  );
}
