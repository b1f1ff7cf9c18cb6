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
import { inspectStream } from "../inspect/inspect.ts";
import type { Report } from "../inspect/report.ts";
import { refuseDamaged } from "../inspect/verdict.ts";
import { createFile, type OutputFile } from "../io/durable-file.ts";
import { lookUpHost } from "../io/host-lookup.ts";
import type { ByteSource } from "../io/source.ts";
import { planDataDir, stageDataDir, type DataDirPlan, type StagedDataDir } from "./data-dir.ts";
import { planEdits } from "./edits.ts";
import { planCluster, type ClusterFlags, type NewCluster } from "./initial-cluster.ts";
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
}

export interface Restored {
  readonly cluster: NewCluster;
  readonly place: DataDirPlan;
  /** Of the snapshot as it came. */
  readonly report: Report;
  /** That the cluster will begin with. */
  readonly revision: bigint;
}

/** Page writes of the edits and the `.snap`, with room to spare. */
const SPACE_BESIDE_SNAPSHOT = 1 << 20;

/**
 * Afterwards the data dir (and a WAL dir of its own) is there whole and durable, or, when this throws, as it was before:
 * also when `signal` is the reason.
 */
export async function restoreSnapshot(
  request: RestoreRequest,
  { signal, progress }: { signal: AbortSignal; progress: (bytes: number) => void },
): Promise<Restored> {
  const { source, dataDir, walDir } = request;
  const cluster = await planCluster(request.cluster, (host) => lookUpHost(host, signal)).finally(
    () => signal.throwIfAborted(),
  );
  const bytes = source.sizeHint;
  if (bytes !== undefined && !hasTrailer(bytes) && !request.skipHashCheck) throw missingHash();
  const room = bytes === undefined ? undefined : bytes + SPACE_BESIDE_SNAPSHOT;
  const place = await planDataDir({ dataDir, walDir, bytes: room });

  await using staged = await stageDataDir(place);
  const backend = await writeBackend(staged, request, cluster, { signal, progress });
  await writeRaftState(staged, cluster);
  signal.throwIfAborted();
  await staged.publish();
  return { cluster, place, ...backend };
}

/** The db file: the snapshot's bytes as they were proven, cut to the database, then edited. */
async function writeBackend(
  { snapDir }: StagedDataDir,
  request: RestoreRequest,
  { members }: NewCluster,
  hooks: { signal: AbortSignal; progress: (bytes: number) => void },
): Promise<Pick<Restored, "report" | "revision">> {
  await using file = await createFile(join(snapDir, "db"));
  const { report } = await inspectStream(request.source, { ...hooks, sink: file });
  refuseUnproven(report, file, request);
  await file.truncate(report.dbSize);
  const database = openDatabase(file.readAt, report.dbSize);
  const edits = planEdits(database, { members, bump: request.bump, target: request.target });
  const { writes, size } = patchDatabase(file.readAt, report.dbSize, edits);
  for (const { offset, bytes } of writes) await file.write(bytes, offset);
  await file.truncate(size);
  await file.sync();
  return { report, revision: edits.raisedTo ?? report.revision };
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
  const accepted = request.skipHashCheck
    ? [...request.acceptFindings, "trailer-mismatch", "no-trailer"]
    : request.acceptFindings;
  if (report.trailer === "mismatch" && !accepted.includes("trailer-mismatch"))
    throw wrongHash(file.readAt(report.dbSize, 32), report.sha256);
  refuseDamaged(report, accepted);
  if (report.trailer === "absent" && !accepted.includes("no-trailer")) throw missingHash();
}

function missingHash(): HoldfastError {
  return new HoldfastError("hash-missing", "snapshot missing hash but --skip-hash-check=false", {
    hint: "a db file copied from a data dir has none: if this is one, add --skip-hash-check",
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
