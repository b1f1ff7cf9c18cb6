/**
 * What is published of a backup: all that is needed to find, verify and restore it, in plain text, signed as a whole.
 * It lies in somebody's bucket, so it holds no secret and no key of a user beyond its first levels.
 */
import { z } from "zod";
import { decodeDocument, encodeDocument, invalid } from "./document.ts";
import { isClusterName, parseBackupId, parseKey, type BackupName } from "./layout.ts";
import { isKey } from "../store/key.ts";
import { isoTime } from "./stamp.ts";

/** The only version there is so far. A field or role that older readers may pass over does not raise it. */
export const MANIFEST_VERSION = 1;

const text = (most: number) => z.string().max(most);
const count = z.int().min(0);
const crc32 = z.int().min(0).max(0xffff_ffff);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const hexId = z.string().regex(/^[0-9a-f]{1,16}$/);
/** int64 in decimal: JSON's numbers are not exact from 2^53 on. */
const int64 = z
  .string()
  .regex(/^(0|-?[1-9][0-9]{0,18})$/, { abort: true })
  .refine((digits) => BigInt.asIntN(64, BigInt(digits)) === BigInt(digits), "it is no int64");
const NO_ID = "it is no ID of a backup";
const NO_CLUSTER = "it is no name of a cluster";
const ID = z
  .string()
  .regex(/^\d{8}T\d{6}Z-l\d{1,9}-r\d{1,19}-[0-9a-f]{16}$/, { abort: true, error: NO_ID })
  .refine((value) => parseBackupId(value, "any") !== undefined, NO_ID);
const CLUSTER = z
  .string()
  .regex(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/, { abort: true, error: NO_CLUSTER })
  .refine(isClusterName, NO_CLUSTER);
const urls = z.array(text(1000)).max(20);

const SOURCE = z.object({
  endpoint: text(1000),
  clusterId: hexId,
  memberId: hexId,
  memberName: text(1000),
  reason: text(500).describe("Why this member was chosen, in words."),
});

const MEMBER = z.object({
  id: hexId,
  name: text(1000),
  peerURLs: urls,
  clientURLs: urls,
  isLearner: z.boolean(),
});

const CONTENTS = z.object({
  liveKeys: count,
  rows: count.describe("Every revision of every key that is held, deletions included."),
  tombstones: count,
  leases: count,
  dbSize: count.describe("Bytes of the database."),
  dbSizeInUse: count.describe("Bytes of its pages in use."),
  authEnabled: z.boolean(),
  alarms: z.array(z.object({ memberId: hexId, alarm: text(100) })).max(200),
  downgrade: text(100).describe('Target version of a downgrade under way, "" for none.'),
});

const OBJECT = z.object({
  role: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,31}$/)
    .describe(
      '"snapshot" once, "report" for the full inspection report; others may be passed over.',
    ),
  key: text(256).describe("From the root of the repository."),
  size: count.describe("Stored bytes."),
  sha256: sha256.describe("Of the stored bytes."),
});

const HASH_KV = z.object({
  hash: crc32,
  revision: int64,
  compactRevision: int64.describe("-1 for none."),
  isConfirmed: z.boolean().describe("Whether the source member gave the same answer itself."),
});

const SNAPSHOT = z.object({
  size: count.describe("Plain bytes, trailer included."),
  sha256: sha256.describe("Of the database without its trailer, which holds the same."),
  trailer: z.enum(["verified", "mismatch", "absent"]),
});

const SEALING = z.object({
  kind: z.enum(["age", "openpgp", "none"]),
  recipients: z.array(text(300)).max(100).describe("Fingerprints of the public keys."),
});

/** The published form; `docs/manifest.schema.json` is made of it. */
export const MANIFEST = z.object({
  version: z.literal(MANIFEST_VERSION),
  kind: z
    .literal("holdfast-backup")
    .describe("So that no other signed document can be taken for a manifest."),
  id: ID.describe("The name of the manifest without .json."),
  cluster: CLUSTER,
  lineage: z
    .int()
    .min(0)
    .max(999_999_999)
    .describe("Rises when the cluster is another, or its revision has fallen."),
  time: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/)
    .describe("When the snapshot was begun. It orders nothing."),
  previous: z
    .object({ id: ID, sha256: sha256.describe("Of its manifest's bytes.") })
    .nullable()
    .describe("The newest backup that was there before."),
  replaces: ID.optional().describe("A backup with the same contents, whose place this one takes."),
  imported: z.boolean().describe("Whether it was not taken from a cluster by Holdfast."),
  tool: text(100),
  source: SOURCE.nullable().describe("null for what was imported."),
  etcd: z
    .object({ server: text(100), storage: text(100), cluster: text(100) })
    .describe('Versions, "" where they are not known.'),
  members: z.array(MEMBER).max(100),
  revision: int64.describe("The head."),
  compactedRevision: int64.describe("-1 for none."),
  statusHash: crc32.describe("As `etcdutl snapshot status` computes it."),
  hashKV: HASH_KV.describe("Over the whole history at the head."),
  txid: int64,
  contents: CONTENTS,
  prefixes: z
    .array(z.object({ prefix: text(300), keys: count, rows: count, bytes: count }))
    .max(100)
    .describe("Kubernetes' resources, or the first level of other keys; most bytes first."),
  findings: z
    .array(z.object({ code: text(100), severity: z.enum(["error", "warning"]), count }))
    .max(200)
    .describe("How many of each; the report has them in full."),
  snapshot: SNAPSHOT,
  packing: z.enum(["zstd-seekable"]),
  sealing: SEALING,
  objects: z.array(OBJECT).min(1).max(50),
  durations: z
    .record(z.string().regex(/^[a-z][A-Za-z]{0,31}$/), count)
    .describe("Milliseconds, by what they were spent on."),
});

export type Manifest = z.output<typeof MANIFEST>;
export type ManifestObject = Manifest["objects"][number];

/** What a manifest is called in messages. */
function calling({ cluster, id }: Pick<BackupName, "cluster" | "id">): string {
  return `the manifest of ${id} of the cluster "${cluster}"`;
}

/** The bytes to sign and store. The same value gives the same bytes. Throws "document-invalid" above 64 KiB. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const what = calling(manifest);
  requireBinding(manifest, nameOf(manifest, what), what);
  return encodeDocument(MANIFEST, manifest, what);
}

/**
 * Reads what the store holds under the name of a backup. Throws "document-invalid" when it does not follow its format,
 * or is the manifest of another name, cluster or lineage, or names objects that cannot be its own; "format-newer".
 */
export function decodeManifest(bytes: Uint8Array, name: BackupName): Manifest {
  const what = calling(name);
  const manifest = decodeDocument(MANIFEST, bytes, { what, version: MANIFEST_VERSION });
  requireBinding(manifest, name, what);
  return manifest;
}

function nameOf(manifest: Manifest, what: string): BackupName {
  const name = parseBackupId(manifest.id, manifest.cluster);
  if (name === undefined) throw invalid(what, `"${manifest.id}" is no ID`);
  return name;
}

function requireBinding(manifest: Manifest, name: BackupName, what: string): void {
  const said = [
    ["id", manifest.id, name.id],
    ["cluster", manifest.cluster, name.cluster],
    ["lineage", manifest.lineage, name.lineage],
    ["revision", manifest.revision, String(name.revision)],
    ["time", manifest.time, isoTime(name.time)],
    ["revision of its hash", manifest.hashKV.revision, manifest.revision],
  ] as const;
  for (const [field, found, wanted] of said)
    if (found !== wanted) throw invalid(what, `its ${field} is ${found}, wanted ${wanted}`);
  if (manifest.previous?.id === name.id || manifest.replaces === name.id)
    throw invalid(what, "it names itself as the one before");
  requireObjects(manifest, what);
}

/** Roles and the kind of key that each has; other roles may have any key inside the cluster's folder. */
const KEYS_OF_ROLES: Readonly<Record<string, string>> = { snapshot: "data", report: "report" };

function requireObjects({ objects, cluster }: Manifest, what: string): void {
  const [data, ...more] = objects.filter(({ role }) => role === "snapshot");
  if (data === undefined || more.length > 0)
    throw invalid(what, `it names ${more.length + (data ? 1 : 0)} snapshots, wanted one`);
  if (new Set(objects.map(({ key }) => key)).size < objects.length)
    throw invalid(what, "it names an object twice");
  for (const object of objects) {
    if (!isOwn(object, cluster))
      throw invalid(what, `an object with the role ${object.role} cannot lie at that key`);
  }
}

function isOwn({ role, key }: ManifestObject, cluster: string): boolean {
  if (!key.startsWith(`${cluster}/`) || !isKey(key)) return false;
  const wanted = KEYS_OF_ROLES[role];
  const part = parseKey(key);
  if (wanted !== undefined) return part?.kind === wanted;
  // No manifest, signature, evidence or pin: whoever removes the backup would remove that as well.
  return part === undefined;
}

/** The one object with the role; "snapshot" is always there. */
export function objectOf(manifest: Manifest, role: "snapshot"): ManifestObject;
export function objectOf(manifest: Manifest, role: string): ManifestObject | undefined;
export function objectOf({ objects }: Manifest, role: string): ManifestObject | undefined {
  return objects.find((object) => object.role === role);
}
