/**
 * What the small buckets of a backend hold. Every decoder gives a value, or says in words why there is none.
 *
 * ```
 * lease     i64 BE id → leasepb.Lease {1 ID, 2 TTL seconds, 3 RemainingTTL}
 * alarm     AlarmMember {1 memberID, 2 alarm} → nothing
 * members   id as hexadecimal text → JSON {id, peerURLs, name?, clientURLs?, isLearner?}
 * cluster   "downgrade" → JSON {target-version, enabled}
 * meta      compaction marks → main u64 BE '_' sub u64 BE
 * ```
 */
import { bytesText, u64be } from "../bytes.ts";
import { readFields } from "../protobuf.ts";
import { decodeRevision } from "./revision.ts";

export interface StoredMember {
  readonly id: bigint;
  readonly name: string;
  readonly peerURLs: readonly string[];
  readonly clientURLs: readonly string[];
  readonly isLearner: boolean;
}

export interface StoredAlarm {
  readonly memberId: bigint;
  readonly alarm: string;
}

/** Whether a lease row's value can be read by a server, which panics where it cannot. */
export function isLease(value: Uint8Array): boolean {
  return isMessage(value);
}

/** Whether the bytes are a protobuf message at all. */
export function isMessage(bytes: Uint8Array): boolean {
  try {
    for (const _field of readFields(bytes));
    return true;
  } catch {
    return false;
  }
}

const ALARMS = ["NONE", "NOSPACE", "CORRUPT"];

/** An alarm from its row's key. */
export function decodeAlarm(key: Uint8Array): StoredAlarm | string {
  if (!isMessage(key)) return "its key is no AlarmMember message";
  let memberId = 0n;
  let alarm = 0n;
  for (const { number, varint } of readFields(key)) {
    if (number === 1) memberId = varint;
    if (number === 2) alarm = varint;
  }
  return { memberId, alarm: ALARMS[Number(alarm)] ?? String(alarm) };
}

/** A member from its row's JSON. Ids are unsigned 64-bit numbers there: read from the text, never as a float. */
export function decodeMember(value: Uint8Array): StoredMember | string {
  let json: unknown;
  try {
    json = JSON.parse(bytesText(value));
  } catch {
    return "its value is no JSON";
  }
  if (typeof json !== "object" || json === null) return "its value is no JSON object";
  const id = /"id":(\d{1,20})/.exec(bytesText(value))?.[1];
  if (id === undefined) return "its JSON has no id";
  const { name, peerURLs, clientURLs, isLearner } = json as Record<string, unknown>;
  return {
    id: BigInt.asUintN(64, BigInt(id)),
    name: typeof name === "string" ? name : "",
    peerURLs: texts(peerURLs),
    clientURLs: texts(clientURLs),
    isLearner: isLearner === true,
  };
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/** The target version of a downgrade in progress; "" when none is. */
export function decodeDowngrade(value: Uint8Array): string {
  try {
    const json = JSON.parse(bytesText(value)) as { enabled?: unknown; "target-version"?: unknown };
    return json.enabled === true ? String(json["target-version"]) : "";
  } catch {
    return "";
  }
}

/** The main revision of a compaction mark. */
export function decodeCompactionMark(value: Uint8Array): bigint | string {
  if (value.length !== 17) return `found ${value.length} bytes, wanted 17`;
  const revision = decodeRevision(value);
  return typeof revision === "string" ? revision : revision.main;
}

/** An unsigned 64-bit number of the meta and auth buckets. */
export function decodeNumber(value: Uint8Array): bigint | string {
  return value.length === 8 ? u64be(value, 0) : `found ${value.length} bytes, wanted 8`;
}
