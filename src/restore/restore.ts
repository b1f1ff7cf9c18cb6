/**
 * The story of a restore: refuse what cannot work before anything is written; build the data dir aside, the backend
 * proven while it is copied; give it the identity of a new cluster; make it durable; publish it by a rename.
 */
import { join } from "node:path";
import { HoldfastError } from "../errors.ts";
import { patchDatabase } from "../format/bbolt/patch.ts";
import { openDatabase } from "../format/bbolt/reader.ts";
import { encodeBootstrapSnap, snapFileName } from "../format/snap/snap-file.ts";
import {
  BOOTSTRAP_TERM,
  encodeBootstrapSegment,
  FIRST_SEGMENT_NAME,
  SEGMENT_BYTES,
} from "../format/wal/bootstrap.ts";
import { inspectStream, scanStream } from "../inspect/inspect.ts";
import { readBackEdited } from "../inspect/read-back.ts";
import type { Inspection, Report } from "../inspect/report.ts";
import type { Scan } from "../inspect/scan.ts";
import { refuseDamaged } from "../inspect/verdict.ts";
import { copyFile, createFile, type OutputFile } from "../io/durable-file.ts";
import { lookUpHost } from "../io/host-lookup.ts";
import { fileSource, type ByteSource } from "../io/source.ts";
import { removeStoredFile } from "../io/stored-file.ts";
import { planDataDir, type DataDirPlan } from "./data-dir-plan.ts";
import { stageDataDir, type StagedDataDir } from "./data-dir.ts";
import { planEdits, type Leftover } from "./edits.ts";
import { planCluster, type ClusterFlags, type NewCluster } from "./initial-cluster.ts";
import { gathered, rewriteDatabase } from "./rewrite.ts";
import type { TargetVersion } from "./target-version.ts";

export interface RestoreRequest {
  /** A snapshot from its start. */
  readonly source: ByteSource;
  readonly cluster: ClusterFlags;
  readonly dataDir: string;
  /** undefined: inside the data dir. */
  readonly walDir: string | undefined;
  /** Takes a snapshot without a trailer, as a copied db file is, or with a wrong one. */
  readonly skipHashCheck: boolean;
  /** Codes of findings that shall not stop the restore. */
  readonly acceptFindings: readonly string[];
  /** How far the revision is raised, everything below marked compacted; 0n leaves it. */
  readonly bump: bigint;
  readonly target: TargetVersion | undefined;
  /** What the old cluster was in the middle of, and the new one shall not be. */
  readonly drop: readonly Leftover[];
  /** Whether the database is written anew, without its free pages. */
  readonly rewrite: boolean;
  /** What is added to the name of a data dir that is there, to keep it; undefined refuses such a place. */
  readonly keepAside: string | undefined;
  /** Data dirs for further members of the same cluster, from the same snapshot. */
  readonly others: readonly { readonly name: string; readonly dataDir: string }[];
  /** Looks at the snapshot that came, before anything appears; what it throws ends the restore. */
  readonly judge: (inspection: Inspection) => void;
  /** Whether the database is read again as it was written, and proven once more. */
  readonly readBack: boolean;
}

export interface Restored {
  readonly cluster: NewCluster;
  readonly place: DataDirPlan;
  /** Of the others, in order. */
  readonly otherPlaces: readonly DataDirPlan[];
  /** Of the snapshot as it came. */
  readonly report: Remains;
  /** That the cluster will begin with. */
  readonly revision: bigint;
  /** Of the database as it was read back. */
  readonly written: Report | undefined;
  /** Whether every data dir belongs to whom its plan says. */
  readonly isOwned: boolean;
}

/** What is kept of an inspection: the whole report holds on to its tables, tens of bytes for every row. */
export type Remains = Pick<Report, "findings" | "liveKeys" | "members">;

interface Hooks {
  readonly signal: AbortSignal;
  readonly progress: (bytes: number) => void;
}

/** Page writes of the edits and the `.snap`, with room to spare. */
const SPACE_BESIDE_SNAPSHOT = 1 << 20;

/**
 * Afterwards the data dir (and a WAL dir of its own) is there whole and durable, or, when this throws, as it was before:
 * also when `signal` is the reason. Of several data dirs, those that were there already when it throws stay.
 */
export async function restoreSnapshot(request: RestoreRequest, hooks: Hooks): Promise<Restored> {
  const { signal } = hooks;
  const cluster = await planCluster(request.cluster, (host) => lookUpHost(host, signal)).finally(
    () => signal.throwIfAborted(),
  );
  const [place, ...otherPlaces] = await planPlaces(request);
  await using stack = new AsyncDisposableStack();
  const staged = stack.use(await stageDataDir(place));
  const backend = await writeBackend(staged, request, cluster, hooks);
  await writeRaftState(staged, cluster);
  const all = [staged];
  for (const [at, otherPlace] of otherPlaces.entries()) {
    const other = stack.use(await stageDataDir(otherPlace));
    await copyFile(join(staged.snapDir, "db"), join(other.snapDir, "db"));
    await writeRaftState(other, {
      ...cluster,
      self: memberNamed(cluster, request.others[at]!.name),
    });
    all.push(other);
  }
  signal.throwIfAborted();
  let isOwned = true;
  for (const one of all) isOwned = (await one.publish()) && isOwned;
  return { cluster, place, otherPlaces, ...backend, isOwned };
}

/** Everything that can be refused before something is written. */
async function planPlaces(request: RestoreRequest): Promise<[DataDirPlan, ...DataDirPlan[]]> {
  const { source, others, keepAside, rewrite } = request;
  const size = source.sizeHint;
  const needsTrailer = !acceptedFindings(request).includes("no-trailer");
  if (size !== undefined && !hasTrailer(size) && needsTrailer) throw missingHash();
  const once = size === undefined ? undefined : size + SPACE_BESIDE_SNAPSHOT;
  // all of them may lie on one file system; what is written anew lies beside what came
  const bytes = once === undefined ? undefined : once * (1 + others.length + (rewrite ? 1 : 0));
  const { dataDir, walDir } = request;
  const place = await planDataDir({ dataDir, walDir, bytes, keepAside });
  const more: DataDirPlan[] = [];
  for (const other of others) more.push(await planDataDir({ dataDir: other.dataDir, keepAside }));
  return [place, ...more];
}

function memberNamed({ members }: NewCluster, name: string): NewCluster["self"] {
  const found = members.find((member) => member.name === name);
  if (found !== undefined) return found;
  throw new HoldfastError("initial-cluster", `the initial cluster has no member "${name}"`);
}

/** The db file: the snapshot's bytes as they were proven, cut to the database, then edited or written anew. */
async function writeBackend(
  { snapDir }: StagedDataDir,
  request: RestoreRequest,
  { members }: NewCluster,
  hooks: Hooks,
): Promise<Pick<Restored, "report" | "revision" | "written">> {
  const path = join(snapDir, "db");
  const received = request.rewrite ? `${path}.received` : path;
  const { scan, ...restored } = await receive(received, path, request, members, hooks);
  const { readBack, acceptFindings } = request;
  if (!readBack) return { ...restored, written: undefined };
  const { report } = await readAgain(path, scan, hooks.signal);
  refuseDamaged(report, acceptFindings);
  return { ...restored, written: report };
}

/** @param scan of what the file was edited from; without it there is nothing to compare the file with but itself */
async function readAgain(
  path: string,
  scan: Scan | undefined,
  signal: AbortSignal,
): Promise<Inspection> {
  await using source = await fileSource(path);
  if (scan === undefined) return await inspectStream(source, { signal, withoutDigest: true });
  return await readBackEdited(scan, source, signal);
}

async function receive(
  received: string,
  path: string,
  request: RestoreRequest,
  members: NewCluster["members"],
  hooks: Hooks,
): Promise<Pick<Restored, "report" | "revision"> & { scan: Scan | undefined }> {
  await using file = await createFile(received);
  const { inspection, scan } = await scanStream(request.source, { ...hooks, sink: file });
  const { report } = inspection;
  refuseUnproven(report, file, request);
  request.judge(inspection);
  await file.truncate(report.dbSize);
  const database = openDatabase(file.readAt, report.dbSize);
  const edits = planEdits(database, { ...request, members });
  if (request.rewrite) await writeAnew(path, rewriteDatabase(database, edits), file, hooks);
  else await patch(file, patchDatabase(file.readAt, report.dbSize, edits));
  const { findings, liveKeys, revision } = report;
  return {
    report: { findings, liveKeys, members: report.members },
    revision: edits.raisedTo ?? revision,
    scan: request.rewrite ? undefined : scan,
  };
}

async function patch(
  file: OutputFile,
  { writes, size }: ReturnType<typeof patchDatabase>,
): Promise<void> {
  for (const { offset, bytes } of writes) await file.write(bytes, offset);
  await file.truncate(size);
  await file.sync();
}

/** The pages in a file of their own; what they were read from is removed. */
async function writeAnew(
  path: string,
  pages: ReturnType<typeof rewriteDatabase>,
  received: OutputFile,
  { signal }: Hooks,
): Promise<void> {
  await using file = await createFile(path);
  for (const { offset, bytes } of gathered(pages)) {
    signal.throwIfAborted();
    await file.write(bytes, offset);
  }
  await file.sync();
  await removeStoredFile(received.path);
}

/** What the server boots raft from. */
async function writeRaftState(
  { snapDir, walDir }: StagedDataDir,
  { id, self, members }: NewCluster,
): Promise<void> {
  const segment = encodeBootstrapSegment({ memberId: self.id, clusterId: id, members });
  await writeWhole(join(walDir, FIRST_SEGMENT_NAME), 0o600, segment, SEGMENT_BYTES);
  const snap = encodeBootstrapSnap(members, BOOTSTRAP_TERM);
  const snapName = snapFileName(BOOTSTRAP_TERM, BigInt(members.length));
  await writeWhole(join(snapDir, snapName), 0o666, snap, snap.length);
}

async function writeWhole(
  path: string,
  mode: number,
  bytes: Uint8Array,
  size: number,
): Promise<void> {
  await using file = await createFile(path, mode);
  await file.write(bytes, 0);
  await file.truncate(size);
  await file.sync();
}

/** As etcdutl, which looks at the hash first; then everything that only we look at. */
function refuseUnproven(report: Report, file: OutputFile, request: RestoreRequest): void {
  const accepted = acceptedFindings(request);
  if (report.trailer === "mismatch" && !accepted.includes("trailer-mismatch"))
    throw wrongHash(file.readAt(report.dbSize, 32), report.sha256);
  refuseDamaged(report, accepted);
  if (report.trailer === "absent" && !accepted.includes("no-trailer")) throw missingHash();
}

function acceptedFindings({ skipHashCheck, acceptFindings }: RestoreRequest): readonly string[] {
  return skipHashCheck ? [...acceptFindings, "trailer-mismatch", "no-trailer"] : acceptFindings;
}

function missingHash(): HoldfastError {
  return new HoldfastError("hash-missing", "snapshot missing hash but --skip-hash-check=false", {
    hint: "a db file copied from a data dir has none: if this is one, add --skip-hash-check; otherwise see what it is with holdfast inspect",
  });
}

/** As Go prints bytes. */
function decimals(bytes: Uint8Array): string {
  return `[${bytes.join(" ")}]`;
}

function wrongHash(expected: Uint8Array, got: string): HoldfastError {
  return new HoldfastError(
    "hash-mismatch",
    `expected sha256 ${decimals(expected)}, got ${decimals(Buffer.from(got, "hex"))}`,
    {
      hint: "the file is not what etcd sent: copy it again, or use another snapshot; holdfast inspect shows what is wrong with it",
    },
  );
}

/** etcd's rule: pages are multiples of 512, the trailer has 32 bytes. */
function hasTrailer(bytes: number): boolean {
  return bytes % 512 === 32;
}
