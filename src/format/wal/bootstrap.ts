/** The write-ahead log of a member of a cluster that is about to begin, as `etcdutl snapshot restore` writes it. */
import { concatBytes, textBytes } from "../bytes.ts";
import { memberJSON, type NewMember } from "../cluster/member.ts";
import { varintField, bytesField } from "../protobuf.ts";
import { encodeVoters } from "../raft/conf-state.ts";
import { encodeAddVoter, encodeHardState } from "../raft/log.ts";
import { encodeSegment, RECORD, type WalRecord } from "./record.ts";

/** Sequence 0, next entry 0. */
export const FIRST_SEGMENT_NAME = "0000000000000000-0000000000000000.wal";

/** etcd preallocates its segments to this size; a hole does. */
export const SEGMENT_BYTES = 64_000_000;

/** Everything that a bootstrap writes belongs to raft's term 1. */
export const BOOTSTRAP_TERM = 1n;

/**
 * Bytes of the first segment up to its last record. Members ascend by id; one entry each adds them; all are committed;
 * the lowest id has everybody's vote. Only the metadata record differs between the members of one cluster.
 */
export function encodeBootstrapSegment(bootstrap: {
  readonly memberId: bigint;
  readonly clusterId: bigint;
  readonly members: readonly NewMember[];
}): Uint8Array {
  const { members } = bootstrap;
  const commit = BigInt(members.length);
  const vote = members[0]?.id ?? 0n;
  return encodeSegment([
    { type: RECORD.metadata, data: encodeMetadata(bootstrap.memberId, bootstrap.clusterId) },
    { type: RECORD.snapshot, data: encodeSnapshotMark(0n, 0n) },
    ...members.map(addVoter),
    { type: RECORD.state, data: encodeHardState({ term: BOOTSTRAP_TERM, vote, commit }) },
    {
      type: RECORD.snapshot,
      data: concatBytes([
        encodeSnapshotMark(commit, BOOTSTRAP_TERM),
        bytesField(3, encodeVoters(members.map(({ id }) => id))),
      ]),
    },
  ]);
}

/** etcdserverpb.Metadata { NodeID 1, ClusterID 2 } */
function encodeMetadata(memberId: bigint, clusterId: bigint): Uint8Array {
  return concatBytes([varintField(1, memberId), varintField(2, clusterId)]);
}

/** walpb.Snapshot { index 1, term 2 }, without its conf_state 3, which 3.5 and later add. */
function encodeSnapshotMark(index: bigint, term: bigint): Uint8Array {
  return concatBytes([varintField(1, index), varintField(2, term)]);
}

function addVoter(member: NewMember, position: number): WalRecord {
  const entry = {
    term: BOOTSTRAP_TERM,
    index: BigInt(position + 1),
    memberId: member.id,
    context: textBytes(memberJSON(member)),
  };
  return { type: RECORD.entry, data: encodeAddVoter(entry) };
}
