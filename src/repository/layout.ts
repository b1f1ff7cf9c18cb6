/**
 * Where everything lies in a repository. The only builder and the only parser of keys: names from a store may be
 * anything, and what does not have exactly the shape below is no part of the repository.
 *
 * ```text
 * holdfast.json
 * CLUSTER/backups/TIME-RANDOM.db.zst[.age|.gpg]
 * CLUSTER/backups/TIME-lLINEAGE-rREVISION-RANDOM.json[.sig]
 * CLUSTER/reports/RANDOM.json.zst[.age|.gpg]
 * CLUSTER/evidence/ID/OUTCOME-TIME-RANDOM.json[.sig]
 * CLUSTER/pins/ID.json[.sig]
 * ```
 *
 * ID is the manifest's name without `.json`. A backup's own objects share its TIME and RANDOM.
 */
import { HoldfastError } from "../errors.ts";
import { parseStamp, stamp } from "./stamp.ts";

/** Its presence makes a store a repository. */
export const MARKER_KEY = "holdfast.json";

/** What the file is sealed with; the suffix says it to people and to stock tools. */
export const SEAL_SUFFIXES = ["", ".age", ".gpg"] as const;
export type SealSuffix = (typeof SEAL_SUFFIXES)[number];

/** How a backup was proven, weakest first. "failed": by no depth, and why is in the document. */
export const OUTCOMES = ["listed", "stored", "contents", "failed"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** What the name of a manifest says. */
export interface BackupName {
  readonly id: string;
  readonly cluster: string;
  /** Milliseconds since 1970, whole seconds. Never orders backups. */
  readonly time: number;
  /** From 1 to 999 999 999; 0 for what was imported from before the first. */
  readonly lineage: number;
  /** From 1 to 2^63 - 1. */
  readonly revision: bigint;
  readonly random: string;
}

/** What the name of an evidence says. */
export interface EvidenceName {
  readonly key: string;
  readonly cluster: string;
  readonly id: string;
  readonly outcome: Outcome;
  readonly time: number;
}

/** A key of a repository, taken apart. */
export type Part =
  | { readonly kind: "marker" }
  | { readonly kind: "data" | "report"; readonly cluster: string; readonly random: string }
  | { readonly kind: "manifest" | "manifest-signature"; readonly name: BackupName }
  | { readonly kind: "evidence" | "evidence-signature"; readonly evidence: EvidenceName }
  | { readonly kind: "pin" | "pin-signature"; readonly cluster: string; readonly id: string };

/** Hexadecimal digits of a random part: 64 bits, so that names never repeat. */
export const RANDOM_DIGITS = 16;
export const MOST_LINEAGE = 999_999_999;
const MOST_REVISION = (1n << 63n) - 1n;

const CLUSTER = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/;
const TIME = "[0-9]{8}T[0-9]{6}Z";
const RANDOM = `[0-9a-f]{${RANDOM_DIGITS}}`;
const ID = `(${TIME})-l(0|[1-9][0-9]{0,8})-r([1-9][0-9]{0,18})-(${RANDOM})`;
const WHOLE_ID = new RegExp(`^${ID}$`);
const IN_BACKUPS = new RegExp(
  `^(?:(${ID})\\.json(\\.sig)?|(${TIME})-(${RANDOM})\\.db\\.zst(?:\\.age|\\.gpg)?)$`,
);
const IN_REPORTS = new RegExp(`^(${RANDOM})\\.json\\.zst(?:\\.age|\\.gpg)?$`);
const IN_EVIDENCE = new RegExp(`^(${OUTCOMES.join("|")})-(${TIME})-(${RANDOM})\\.json(\\.sig)?$`);
const IN_PINS = /^(.*?)\.json(\.sig)?$/;
/** Longer keys than this are no keys of a repository. */
const LONGEST = 256;

export function isClusterName(text: string): boolean {
  return CLUSTER.test(text) && text !== MARKER_KEY;
}

/** Throws "usage" for what cannot be the name of a cluster. */
export function requireClusterName(text: string): string {
  if (isClusterName(text)) return text;
  throw new HoldfastError(
    "usage",
    `${JSON.stringify(text.slice(0, 100))} cannot be the name of a cluster`,
    { hint: "use up to 64 letters and digits, with . _ - between them" },
  );
}

/** @throws "failed" for a lineage or revision that no name can hold */
export function backupName(parts: Omit<BackupName, "id">): BackupName {
  const { time, lineage, revision, random } = parts;
  const id = `${stamp(time)}-l${lineage}-r${revision}-${random}`;
  const name = parseBackupId(id, parts.cluster);
  if (name !== undefined) return name;
  throw new HoldfastError("failed", `there is no name for a backup of ${id}`);
}

/** undefined for what is no ID. */
export function parseBackupId(id: string, cluster: string): BackupName | undefined {
  const [, time, lineage, revision, random] = WHOLE_ID.exec(id) ?? [];
  return nameOf(cluster, id, time, lineage, revision, random);
}

function nameOf(
  cluster: string,
  id: string,
  stampText = "",
  lineageText = "",
  revisionText = "",
  random = "",
): BackupName | undefined {
  const time = parseStamp(stampText);
  if (time === undefined) return undefined;
  const revision = BigInt(revisionText);
  if (revision > MOST_REVISION) return undefined;
  return { id, cluster, time, lineage: Number(lineageText), revision, random };
}

export function backupsPrefix(cluster: string): string {
  return `${requireClusterName(cluster)}/backups/`;
}

export function reportsPrefix(cluster: string): string {
  return `${requireClusterName(cluster)}/reports/`;
}

export function pinsPrefix(cluster: string): string {
  return `${requireClusterName(cluster)}/pins/`;
}

/** Of one backup, or of all of a cluster. */
export function evidencePrefix(cluster: string, id?: string): string {
  return `${requireClusterName(cluster)}/evidence/${id === undefined ? "" : `${id}/`}`;
}

export function manifestKey({ cluster, id }: Pick<BackupName, "cluster" | "id">): string {
  return `${backupsPrefix(cluster)}${id}.json`;
}

/** Of whatever is signed. */
export function signatureKey(key: string): string {
  return `${key}.sig`;
}

/** Where the snapshot goes: known before its revision is. */
export function dataKey(
  { cluster, time, random }: Pick<BackupName, "cluster" | "time" | "random">,
  suffix: SealSuffix,
): string {
  return `${backupsPrefix(cluster)}${stamp(time)}-${random}.db.zst${suffix}`;
}

/** Where the full inspection report goes. */
export function reportKey(
  { cluster, random }: Pick<BackupName, "cluster" | "random">,
  suffix: SealSuffix,
): string {
  return `${reportsPrefix(cluster)}${random}.json.zst${suffix}`;
}

export function evidenceKey(
  evidence: Omit<EvidenceName, "key"> & { readonly random: string },
): string {
  const { cluster, id, outcome, time, random } = evidence;
  return `${evidencePrefix(cluster, id)}${outcome}-${stamp(time)}-${random}.json`;
}

export function pinKey({ cluster, id }: Pick<BackupName, "cluster" | "id">): string {
  return `${pinsPrefix(cluster)}${id}.json`;
}

/** Takes a key from a store apart; undefined for everything that is not exactly of this layout. */
export function parseKey(key: string): Part | undefined {
  if (key === MARKER_KEY) return { kind: "marker" };
  if (key.length > LONGEST) return undefined;
  const [cluster, room, ...rest] = key.split("/");
  if (cluster === undefined || !isClusterName(cluster)) return undefined;
  const [first = "", second = ""] = rest;
  if (room === "evidence" && rest.length === 2) return evidencePart(key, cluster, first, second);
  if (rest.length !== 1) return undefined;
  if (room === "backups") return backupPart(cluster, first);
  if (room === "reports") return reportPart(cluster, first);
  if (room === "pins") return pinPart(cluster, first);
  return undefined;
}

function backupPart(cluster: string, file: string): Part | undefined {
  const found = IN_BACKUPS.exec(file);
  if (found === null) return undefined;
  const [, id, time, lineage, revision, random, signature, dataTime, dataRandom] = found;
  if (id === undefined) {
    if (parseStamp(dataTime!) === undefined) return undefined;
    return { kind: "data", cluster, random: dataRandom! };
  }
  const name = nameOf(cluster, id, time, lineage, revision, random);
  if (name === undefined) return undefined;
  return { kind: signature === undefined ? "manifest" : "manifest-signature", name };
}

function reportPart(cluster: string, file: string): Part | undefined {
  const random = IN_REPORTS.exec(file)?.[1];
  return random === undefined ? undefined : { kind: "report", cluster, random };
}

function evidencePart(key: string, cluster: string, id: string, file: string): Part | undefined {
  const [, outcome, timeText = "", , signature] = IN_EVIDENCE.exec(file) ?? [];
  const time = parseStamp(timeText);
  if (time === undefined || parseBackupId(id, cluster) === undefined) return undefined;
  const evidence = { key, cluster, id, outcome: outcome as Outcome, time };
  if (signature === undefined) return { kind: "evidence", evidence };
  return {
    kind: "evidence-signature",
    evidence: { ...evidence, key: key.slice(0, -signature.length) },
  };
}

function pinPart(cluster: string, file: string): Part | undefined {
  const [, id = "", signature] = IN_PINS.exec(file) ?? [];
  if (parseBackupId(id, cluster) === undefined) return undefined;
  return { kind: signature === undefined ? "pin" : "pin-signature", cluster, id };
}
