/**
 * Ids of members and clusters: the first eight bytes, big endian, of a SHA-1 (etcd's membership.NewMember and
 * RaftCluster.genID). They are a pure function of peer URLs and token: the same input gives the same cluster again.
 */
import { concatBytes, textBytes, u64be, u64beBytes } from "../bytes.ts";

export type Sha1 = (bytes: Uint8Array) => Uint8Array;

/** The id of a member known at bootstrap. Names do not count; URLs are sorted here, nothing separates them. */
export function memberId(peerURLs: readonly string[], token: string, sha1: Sha1): bigint {
  return u64be(sha1(textBytes(peerURLs.toSorted().join("") + token)), 0);
}

/** The id of a cluster of these members, given in any order. */
export function clusterId(memberIds: readonly bigint[], sha1: Sha1): bigint {
  return u64be(sha1(concatBytes(memberIds.toSorted(ascending).map(u64beBytes))), 0);
}

/** Unsigned numeric order: the order of members in everything that a restore writes. */
export function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
