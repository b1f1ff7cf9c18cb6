/**
 * What raft keeps in a log (raftpb, proto2), in the form of etcd 3.4 to 3.6: zero fields are written out.
 * 3.7 leaves them out and reads both forms.
 */
import { concatBytes } from "../bytes.ts";
import { bytesField, varintField } from "../protobuf.ts";

/** An entry that adds one voter (EntryConfChange around ConfChangeAddNode). */
export interface AddVoter {
  readonly term: bigint;
  readonly index: bigint;
  readonly memberId: bigint;
  /** Opaque to raft: etcd's member JSON. */
  readonly context: Uint8Array;
}

export interface HardState {
  readonly term: bigint;
  /** Member id. */
  readonly vote: bigint;
  readonly commit: bigint;
}

const ENTRY_CONF_CHANGE = 1;
const ADD_NODE = 0;

/** raftpb.Entry { Type 1, Term 2, Index 3, Data 4: ConfChange { ID 1, Type 2, NodeID 3, Context 4 } } */
export function encodeAddVoter(entry: AddVoter): Uint8Array {
  const change = concatBytes([
    varintField(1, 0),
    varintField(2, ADD_NODE),
    varintField(3, entry.memberId),
    bytesField(4, entry.context),
  ]);
  return concatBytes([
    varintField(1, ENTRY_CONF_CHANGE),
    varintField(2, entry.term),
    varintField(3, entry.index),
    bytesField(4, change),
  ]);
}

/** raftpb.HardState { term 1, vote 2, commit 3 } */
export function encodeHardState(state: HardState): Uint8Array {
  return concatBytes([
    varintField(1, state.term),
    varintField(2, state.vote),
    varintField(3, state.commit),
  ]);
}
