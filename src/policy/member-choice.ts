/** Which member a snapshot is taken from. */

/** What a member said of itself. */
export interface Candidate {
  readonly memberId: bigint;
  /** The leader that it knows of; 0n for none. */
  readonly leaderId: bigint;
  readonly isLearner: boolean;
  /** The highest entry of the raft log that it has applied to its database. */
  readonly appliedIndex: bigint;
  /** Whether its database was found to differ from the others' (etcd's alarm CORRUPT). */
  readonly isCorrupt: boolean;
}

export interface Choice<C> {
  readonly candidate: C;
  /** In words, for people: what speaks for it. */
  readonly reason: string;
  /** Whether there is something against every candidate, this one included. */
  readonly isDoubtful: boolean;
}

/**
 * Entries that a member may lag and still count as up to date: members are asked one moment apart, and a busy cluster
 * writes thousands a second.
 */
const NEARLY = 100n;

/**
 * The healthiest member: not corrupt, not a learner, one that knows a leader, not lagging; among those rather a
 * follower than the leader, which has enough to do; then the one that lags least; then the first.
 * `undefined` only for no candidate at all: on a bad day a bad member is better than none, and the reason says so.
 */
export function chooseMember<C extends Candidate>(candidates: readonly C[]): Choice<C> | undefined {
  const head = candidates.reduce((most, { appliedIndex }) => max(most, appliedIndex), 0n);
  const rank = (candidate: C): readonly bigint[] => {
    const lag = head - candidate.appliedIndex;
    const flags = [
      candidate.isCorrupt,
      candidate.isLearner,
      candidate.leaderId === 0n,
      lag > NEARLY,
      isLeader(candidate),
    ];
    return [...flags.map((flag) => (flag ? 1n : 0n)), lag];
  };
  const [candidate] = candidates.toSorted((a, b) => compareRanks(rank(a), rank(b)));
  if (candidate === undefined) return undefined;
  const { isCorrupt, isLearner, leaderId } = candidate;
  return {
    candidate,
    reason: describe(candidate, head - candidate.appliedIndex),
    isDoubtful: isCorrupt || isLearner || leaderId === 0n,
  };
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function isLeader({ memberId, leaderId }: Candidate): boolean {
  return memberId === leaderId;
}

function compareRanks(a: readonly bigint[], b: readonly bigint[]): number {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at < 0 ? 0 : Number(a[at]! - b[at]!);
}

function describe(candidate: Candidate, lag: bigint): string {
  const role = candidate.isLearner
    ? "a learner"
    : isLeader(candidate)
      ? "the leader"
      : "a follower";
  const words = [role];
  if (candidate.leaderId === 0n) words.push("that knows of no leader");
  words.push(lag === 0n ? "with nothing left to apply" : `${lag} raft entries behind`);
  if (candidate.isCorrupt) words.push("under the alarm CORRUPT");
  return words.join(", ").replace(", that", " that");
}
