/** A voting member of a cluster that is about to begin, and the JSON texts in which etcd stores it. */
import { goString, goStrings } from "./go-json.ts";

export interface NewMember {
  /** Unsigned 64 bits. */
  readonly id: bigint;
  readonly name: string;
  /** Sorted. */
  readonly peerURLs: readonly string[];
}

/** Lower-case hexadecimal without leading zeros, as etcd prints ids and names the rows of its members bucket. */
export function idText(id: bigint): string {
  return id.toString(16);
}

/**
 * The value of a row in the members bucket and the context of a ConfChange (etcd's membership.Member): the id is an
 * unsigned 64-bit number; an empty name is left out, as are learner and client URLs, which a new member does not have.
 */
export function memberJSON(member: NewMember): string {
  const name = member.name === "" ? "" : `,"name":${goString(member.name)}`;
  return `{"id":${member.id},"peerURLs":${goStrings(member.peerURLs)}${name}}`;
}

/** What a `.snap` knows of a member (etcd's membership.RaftAttributes). */
export function raftAttributesJSON(member: NewMember): string {
  return `{"peerURLs":${goStrings(member.peerURLs)}}`;
}
