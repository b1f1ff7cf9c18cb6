/** Who votes (raftpb.ConfState), for a configuration of plain voters: no learners, no change under way. */
import { concatBytes } from "../bytes.ts";
import { varintField } from "../protobuf.ts";

/** ConfState { voters 1, one field each; auto_leave 5, written although false }, the form of etcd 3.5 and 3.6. */
export function encodeVoters(ids: readonly bigint[]): Uint8Array {
  return concatBytes([...ids.map((id) => varintField(1, id)), varintField(5, 0)]);
}

/** The text under confState in etcd's meta bucket (3.5+). */
export function votersJSON(ids: readonly bigint[]): string {
  return `{"voters":[${ids.join(",")}],"auto_leave":false}`;
}
