import { bytesText, toHex, u64be } from "../format/bytes.ts";
import { BUCKETS } from "../format/mvcc/buckets.ts";
import {
  decodeAlarm,
  decodeCompactionMark,
  decodeDowngrade,
  decodeMember,
  decodeNumber,
  decodeLeaseId,
  decodeUserRoles,
  isMemberKey,
  isRole,
  isVersion,
  type StoredAlarm,
  type StoredMember,
} from "../format/mvcc/records.ts";
import type { Candidates } from "./candidates.ts";
import { elementsOf, isBucket, type BucketLeaves } from "./buckets.ts";
import { ELEMENT } from "./elements.ts";
import type { Findings } from "./findings.ts";
import { LONGEST_PIECE } from "./long-row.ts";
import type { AuthState } from "./report.ts";

/** What the small buckets say. */
export interface Contents {
  /** The higher of scheduled and finished compaction; -1n when there was none. */
  readonly compactRevision: bigint;
  /** The finished one alone: a server is still at work on what lies between. */
  readonly finishedCompactRevision: bigint;
  readonly consistentIndex: bigint;
  readonly term: bigint;
  readonly storageVersion: string;
  readonly clusterVersion: string;
  readonly downgrade: string;
  readonly leases: ReadonlySet<bigint>;
  readonly auth: AuthState;
  readonly alarms: readonly StoredAlarm[];
  readonly members: readonly StoredMember[];
}

type Record = readonly [key: Uint8Array, value: Uint8Array];

/** Reads the small buckets and says what a server could not read. */
export function readContents(
  candidates: Candidates,
  buckets: readonly BucketLeaves[],
  findings: Findings,
): Contents {
  const records = (name: string): Iterable<Record> =>
    recordsOf(candidates, buckets, name, findings);
  checkNames(buckets, findings);
  const meta = textMap(records("meta"));
  const cluster = textMap(records("cluster"));
  const scheduled = compactionMark(meta, "scheduledCompactRev", findings);
  const finished = compactionMark(meta, "finishedCompactRev", findings);
  return {
    compactRevision: scheduled > finished ? scheduled : finished,
    finishedCompactRevision: finished,
    consistentIndex: number(meta, "consistent_index", "meta", findings),
    term: number(meta, "term", "meta", findings),
    storageVersion: bytesText(meta.get("storageVersion") ?? NONE),
    clusterVersion: clusterVersion(cluster, findings),
    downgrade: downgradeTarget(cluster, findings),
    leases: readLeases(records("lease"), findings),
    auth: readAuth(records("auth"), records("authUsers"), records("authRoles"), findings),
    alarms: [...records("alarm")].flatMap(([key]) => checked("alarm", decodeAlarm(key), findings)),
    members: readMembers([...records("members")], records("members_removed"), findings),
  };
}

const NONE = new Uint8Array(0);

/** Without rows a restore brings back an empty store, and without `meta` etcdutl itself cannot read the file. */
const INDISPENSABLE = new Set(["key", "meta"]);

function checkNames(buckets: readonly BucketLeaves[], findings: Findings): void {
  const names = buckets.map(({ name }) => name);
  for (const bucket of BUCKETS.filter((name) => !names.includes(name)))
    findings.add(
      "bucket-missing",
      { bucket },
      `bucket "${bucket}" is missing`,
      INDISPENSABLE.has(bucket) ? "error" : "warning",
    );
  for (const bucket of names.filter((name) => !BUCKETS.includes(name)))
    findings.add("bucket-unknown", { bucket }, `no etcd server has a bucket "${bucket}"`);
}

/** One after the other: there can be as many leases as keys. No server makes a record of them that is a long row's size. */
function* recordsOf(
  candidates: Candidates,
  buckets: readonly BucketLeaves[],
  name: string,
  findings: Findings,
): Generator<Record> {
  const leaves = buckets.find((bucket) => bucket.name === name)?.leaves ?? [];
  for (const run of leaves) {
    for (const index of elementsOf(candidates, run)) {
      if (isBucket(candidates, index)) continue; // a finding of its own
      const key = candidates.keptKey(index);
      const value = candidates.keptValue(index);
      if (key !== undefined && value !== undefined) yield [key, value.bytes];
      else
        findings.add(
          "not-examined",
          { bucket: name },
          `a record of bucket "${name}" was too large to be examined`,
          candidates.elements.get(index, ELEMENT.SIZE) > LONGEST_PIECE ? "error" : "warning",
        );
    }
  }
}

function textMap(records: Iterable<Record>): Map<string, Uint8Array> {
  return new Map(Array.from(records, ([key, value]) => [bytesText(key), value]));
}

function checked<T extends object>(bucket: string, value: T | string, findings: Findings): T[] {
  if (typeof value !== "string") return [value];
  findings.add(
    "record-invalid",
    { bucket },
    `a record of bucket "${bucket}" cannot be read: ${value}`,
  );
  return [];
}

/** A restore writes the members anew, so that a bad record is no reason to refuse. */
function readMembers(
  members: readonly Record[],
  removed: Iterable<Record>,
  findings: Findings,
): StoredMember[] {
  for (const [bucket, records] of [
    ["members", members],
    ["members_removed", removed],
  ] as const)
    for (const [key] of records)
      if (!isMemberKey(key))
        findings.add(
          "member-invalid",
          { bucket, key: toHex(key) },
          `the key ${toHex(key)} of bucket "${bucket}" is no member id`,
        );
  return members.flatMap(([key, value]) => {
    const member = decodeMember(value);
    if (typeof member !== "string") return [member];
    const text = `a record of bucket "members" cannot be read: ${member}`;
    findings.add("member-invalid", { bucket: "members", key: toHex(key) }, text);
    return [];
  });
}

function clusterVersion(cluster: Map<string, Uint8Array>, findings: Findings): string {
  const value = cluster.get("clusterVersion");
  if (value === undefined) return "";
  const version = bytesText(value);
  if (!isVersion(version))
    findings.add(
      "record-invalid",
      { bucket: "cluster" },
      `cluster/clusterVersion is no version: "${version}"`,
    );
  return version;
}

/** "" when no downgrade is in progress. */
function downgradeTarget(cluster: Map<string, Uint8Array>, findings: Findings): string {
  const value = cluster.get("downgrade");
  if (value === undefined) return "";
  for (const { enabled, target } of checked("cluster", decodeDowngrade(value), findings))
    if (enabled) return target;
  return "";
}

function compactionMark(meta: Map<string, Uint8Array>, name: string, findings: Findings): bigint {
  const value = meta.get(name);
  if (value === undefined) return -1n;
  const mark = decodeCompactionMark(value);
  if (typeof mark === "bigint") return mark;
  findings.add("record-invalid", { bucket: "meta" }, `meta/${name} cannot be read: ${mark}`);
  return -1n;
}

/** A restore writes index and term anew: bad ones are worth a warning only. */
function number(
  map: Map<string, Uint8Array>,
  name: string,
  bucket: string,
  findings: Findings,
): bigint {
  const value = map.get(name);
  if (value === undefined) return 0n;
  const decoded = decodeNumber(value);
  if (typeof decoded === "bigint") return decoded;
  findings.add("number-invalid", { bucket }, `${bucket}/${name} cannot be read: ${decoded}`);
  return 0n;
}

function readLeases(records: Iterable<Record>, findings: Findings): Set<bigint> {
  const leases = new Set<bigint>();
  for (const [key, value] of records) {
    for (const { id } of checked("lease", lease(value), findings)) {
      leases.add(id);
      if (key.length === 8 && BigInt.asIntN(64, u64be(key, 0)) === id) continue;
      const text = `lease ${BigInt.asUintN(64, id).toString(16)} lies under key ${toHex(key)}: it could not be revoked`;
      findings.add("lease-misplaced", { bucket: "lease", key: toHex(key) }, text);
    }
  }
  return leases;
}

function lease(value: Uint8Array): { id: bigint } | string {
  const id = decodeLeaseId(value);
  return typeof id === "string" ? id : { id };
}

function readAuth(
  auth: Iterable<Record>,
  users: Iterable<Record>,
  roles: Iterable<Record>,
  findings: Findings,
): AuthState {
  const settings = textMap(auth);
  const [userNames, roleNames]: [string[], string[]] = [[], []];
  const granted = new Set<string>();
  for (const [key, value] of users) {
    userNames.push(bytesText(key));
    for (const role of checked("authUsers", decodeUserRoles(value), findings).flat())
      granted.add(role);
  }
  for (const [key, value] of roles) {
    const name = bytesText(key);
    roleNames.push(name);
    if (isRole(value)) continue;
    const text = `the role "${name}" cannot be read: its value is no Role message`;
    // A server reads at boot what its users have; others only when they are asked for.
    const severity = granted.has(name) ? "error" : "warning";
    findings.add("record-invalid", { bucket: "authRoles" }, text, severity);
  }
  return {
    enabled: settings.get("authEnabled")?.[0] === 1,
    revision: authRevision(settings, findings),
    users: userNames,
    roles: roleNames,
  };
}

/** Unlike index and term it stays as it is, and a server panics when it is too short. */
function authRevision(settings: Map<string, Uint8Array>, findings: Findings): bigint {
  const length = settings.get("authRevision")?.length ?? 8;
  if (length >= 8) return number(settings, "authRevision", "auth", findings);
  const text = `auth/authRevision cannot be read: found ${length} bytes, wanted 8`;
  findings.add("record-invalid", { bucket: "auth" }, text);
  return 0n;
}
