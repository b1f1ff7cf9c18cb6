/** etcd's `.snap` files: a raft snapshot with its CRC. */
import { concatBytes, textBytes } from "../bytes.ts";
import type { NewMember } from "../cluster/member.ts";
import { crc32c } from "../crc32c.ts";
import { bytesField, varintField } from "../protobuf.ts";
import { encodeVoters } from "../raft/conf-state.ts";
import { v2StoreJSON } from "./v2-store.ts";

/** Term and index, sixteen hexadecimal digits each. */
export function snapFileName(term: bigint, index: bigint): string {
  return `${hex16(term)}-${hex16(index)}.snap`;
}

function hex16(value: bigint): string {
  return value.toString(16).padStart(16, "0");
}

/**
 * The file that goes with a bootstrap of these members (ascending ids) at index = their number:
 * snappb.snapshot { crc 1, data 2: raftpb.Snapshot { data 1, metadata 2 { conf_state 1, index 2, term 3 } } }.
 * Byte for byte that of etcdutl 3.5; 3.6 and 3.7 count one failed read more and need not be followed.
 */
export function encodeBootstrapSnap(members: readonly NewMember[], term: bigint): Uint8Array {
  const metadata = concatBytes([
    bytesField(1, encodeVoters(members.map(({ id }) => id))),
    varintField(2, members.length),
    varintField(3, term),
  ]);
  const snapshot = concatBytes([
    bytesField(1, textBytes(v2StoreJSON(members))),
    bytesField(2, metadata),
  ]);
  return concatBytes([varintField(1, crc32c(snapshot)), bytesField(2, snapshot)]);
}
