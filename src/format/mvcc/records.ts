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
import { BYTES, readFields, VARINT, type Field } from "../protobuf.ts";
import { decodeRevision } from "./revision.ts";

/** A row of the members bucket: the cluster as the backend knows it, authoritative from 3.6 on. */
export interface StoredMember {
  readonly id: bigint;
  readonly name: string;
  readonly peerURLs: readonly string[];
  readonly clientURLs: readonly string[];
  readonly isLearner: boolean;
}

/** A row of the alarm bucket; `alarm` by its name. */
export interface StoredAlarm {
  readonly memberId: bigint;
  readonly alarm: string;
}

/** What a message has to look like for a server to read it: the wire type of each field that it knows, or a message's own. */
interface Shape {
  readonly [field: number]: number | Shape;
}

const LEASE: Shape = { 1: VARINT, 2: VARINT, 3: VARINT };
const ALARM_MEMBER: Shape = { 1: VARINT, 2: VARINT };
const USER: Shape = { 1: BYTES, 2: BYTES, 3: BYTES, 4: { 1: VARINT } };
const ROLE: Shape = { 1: BYTES, 2: { 1: VARINT, 2: BYTES, 3: BYTES } };

/** The fields of a message of this shape, fields that nobody knows included; undefined where a server would panic. */
function fieldsOf(message: Uint8Array, shape: Shape): Field[] | undefined {
  try {
    const fields = [...readFields(message)];
    return fields.every((field) => fits(field, shape[field.number])) ? fields : undefined;
  } catch {
    return undefined;
  }
}

function fits({ wire, bytes }: Field, wanted: Shape[number] | undefined): boolean {
  if (wanted === undefined) return true;
  if (typeof wanted === "number") return wire === wanted;
  return wire === BYTES && fieldsOf(bytes, wanted) !== undefined;
}

/** The id in a lease's row: servers read it from the value, not from the key. Signed. */
export function decodeLeaseId(value: Uint8Array): bigint | string {
  const fields = fieldsOf(value, LEASE);
  if (fields === undefined) return "its value is no Lease message";
  return BigInt.asIntN(64, fields.findLast(({ number }) => number === 1)?.varint ?? 0n);
}

/** The roles of a user, by name. */
export function decodeUserRoles(value: Uint8Array): string[] | string {
  const fields = fieldsOf(value, USER);
  if (fields === undefined) return "its value is no User message";
  return fields.flatMap(({ number, bytes }) => (number === 3 ? [bytesText(bytes)] : []));
}

/** Whether a role's row can be read. */
export function isRole(value: Uint8Array): boolean {
  return fieldsOf(value, ROLE) !== undefined;
}

const ALARMS = ["NONE", "NOSPACE", "CORRUPT"];

/** An alarm from its row's key. */
export function decodeAlarm(key: Uint8Array): StoredAlarm | string {
  const fields = fieldsOf(key, ALARM_MEMBER);
  if (fields === undefined) return "its key is no AlarmMember message";
  const last = (wanted: number): bigint =>
    fields.findLast(({ number }) => number === wanted)?.varint ?? 0n;
  return { memberId: last(1), alarm: ALARMS[Number(last(2))] ?? String(last(2)) };
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

/** A downgrade that was asked for. */
export interface StoredDowngrade {
  readonly enabled: boolean;
  readonly target: string;
}

/** The record of a downgrade, as a server insists on it: Go's JSON, where null is nothing and fields have no case. */
export function decodeDowngrade(value: Uint8Array): StoredDowngrade | string {
  let json: unknown;
  try {
    json = JSON.parse(bytesText(value));
  } catch {
    return "its value is no JSON";
  }
  if (typeof json !== "object" || Array.isArray(json)) return "its value is no JSON object";
  const fields = new Map<string, unknown>();
  for (const [name, field] of Object.entries(json ?? {}))
    if (field !== null) fields.set(name.toLowerCase(), field);
  const { enabled = false, "target-version": target = "" } = Object.fromEntries(fields);
  if (typeof enabled !== "boolean" || typeof target !== "string")
    return "its JSON has other fields than a downgrade";
  if (enabled && !isVersion(target)) return `its target is no version: "${target}"`;
  return { enabled, target };
}

const IDENTIFIERS = "([0-9A-Za-z-]+(\\.[0-9A-Za-z-]+)*)?";
/** Also with zeros in front; more digits than 63 bits have are not worth a conversion. */
const NUMBER = "(0*\\d{1,19})";
const VERSION = new RegExp(
  `^${NUMBER}\\.${NUMBER}\\.${NUMBER}(-${IDENTIFIERS})?(\\+${IDENTIFIERS})?$`,
);
const LARGEST_NUMBER = 2n ** 63n - 1n;

/** Whether a text is a semantic version as etcd reads it: three numbers, then maybe a pre-release and a build. */
export function isVersion(text: string): boolean {
  const numbers = VERSION.exec(text)?.slice(1, 4);
  return numbers?.every((number) => BigInt(number) <= LARGEST_NUMBER) ?? false;
}

/** Whether the key of a member, or of a removed one, is an id: unsigned 64 bits, hexadecimal. */
export function isMemberKey(key: Uint8Array): boolean {
  return /^[0-9a-fA-F]{1,16}$/.test(bytesText(key));
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
