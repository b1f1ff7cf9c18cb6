/** The story of `import`: snapshots that somebody else took become backups, inspected like any other. */
import { HoldfastError } from "../errors.ts";
import { lookForHolder } from "../inspect/file.ts";
import type { Inspection } from "../inspect/report.ts";
import { refuseDamaged } from "../inspect/verdict.ts";
import type { ByteSource } from "../io/source.ts";
import { listBackups, loadBackups, type LoadedBackup } from "../repository/catalog.ts";
import { lineageOfImport } from "../repository/lineage.ts";
import {
  publishSnapshot,
  type Origin,
  type Published,
  type PublishOptions,
} from "../repository/publish-snapshot.ts";
import type { BackupName } from "../repository/layout.ts";
import type { Repository } from "../repository/repository.ts";
import { tellFindings } from "./damaged-file.ts";
import { newestAmong, previousOf, type NewestOptions } from "./place-in-lineage.ts";

export interface SnapshotFile {
  /** Its path; "-" for standard input. */
  readonly path: string;
  readonly timeMs: number;
  /** false for a guess, as the time of the file is one. */
  readonly isTimeKnown: boolean;
  readonly open: () => Promise<ByteSource & AsyncDisposable>;
}

export interface ImportOptions
  extends
    NewestOptions,
    Pick<PublishOptions, "cluster" | "required" | "recipients" | "sign" | "tool"> {
  /** Codes of findings that are no reason to refuse a snapshot. */
  readonly accept: readonly string[];
  /** Called now and then with the bytes of this file that have been read, and those to expect. */
  readonly progress: (bytes: number, totalBytes: number | undefined) => void;
}

/** What became of one file. */
export interface Imported {
  readonly path: string;
  /** undefined where it was not imported. */
  readonly published: Published | undefined;
  /** ID of the backup that holds the same snapshot already. */
  readonly known: string | undefined;
  /** Why it was refused. */
  readonly problem: HoldfastError | undefined;
}

/** What there is already, as far as it matters to what comes. */
interface Catalog {
  readonly names: Pick<BackupName, "id" | "lineage" | "revision" | "time">[];
  /** IDs by the SHA-256 of the snapshot. */
  readonly bySnapshot: Map<string, string>;
  readonly newest: LoadedBackup | undefined;
}

/**
 * Imports files one after the other, the oldest first. One that is damaged is refused and does not keep the others from
 * it; one whose snapshot is there already is left out.
 */
export async function* importSnapshots(
  files: readonly SnapshotFile[],
  repositories: readonly Repository[],
  options: ImportOptions,
): AsyncGenerator<Imported> {
  const catalog = await readCatalog(repositories, options);
  for (const file of files.toSorted((a, b) => a.timeMs - b.timeMs)) {
    const { path } = file;
    const nothing = { path, published: undefined, known: undefined, problem: undefined };
    try {
      const published = await importOne(file, catalog, repositories, options);
      remember(catalog, published);
      yield { ...nothing, published };
    } catch (error) {
      options.signal.throwIfAborted();
      if (error instanceof KnownAlready) yield { ...nothing, known: error.id };
      else if (isFilesFault(error)) yield { ...nothing, problem: error };
      else throw error;
    }
  }
}

function isFilesFault(error: unknown): error is HoldfastError {
  return (
    error instanceof HoldfastError &&
    (error.code === "snapshot-damaged" || error.code === "not-a-snapshot")
  );
}

async function readCatalog(
  repositories: readonly Repository[],
  options: ImportOptions,
): Promise<Catalog> {
  const names = new Map<string, BackupName>();
  const bySnapshot = new Map<string, string>();
  for (const repository of repositories) {
    const { backups } = await listBackups(repository, options.cluster, options);
    for await (const { name, backup, problem } of loadBackups(repository, backups, options)) {
      if (backup === undefined || problem !== undefined) continue;
      names.set(name.id, name);
      bySnapshot.set(backup.manifest.snapshot.sha256, name.id);
    }
  }
  const newest = await newestAmong(repositories, options.cluster, options);
  return { names: [...names.values()], bySnapshot, newest };
}

function remember({ names, bySnapshot }: Catalog, { manifest }: Published): void {
  const { id, lineage, revision, time, snapshot } = manifest;
  names.push({ id, lineage, revision: BigInt(revision), time: Date.parse(time) });
  bySnapshot.set(snapshot.sha256, id);
}

/** Ends a pass over a snapshot that is there already. */
class KnownAlready extends Error {
  readonly id: string;

  constructor(id: string) {
    super(`${id} holds the same snapshot`);
    this.id = id;
  }
}

async function importOne(
  file: SnapshotFile,
  catalog: Catalog,
  repositories: readonly Repository[],
  options: ImportOptions,
): Promise<Published> {
  await using source = await file.open();
  const { timeMs } = file;
  return await publishSnapshot(source, repositories, {
    ...options,
    timeMs,
    requireTrailer: false,
    progress: (bytes) => options.progress(bytes, source.sizeHint),
    judge: (inspection) => judge(inspection, file, catalog, options),
  });
}

async function judge(
  inspection: Inspection,
  { path, timeMs, isTimeKnown }: SnapshotFile,
  { names, bySnapshot, newest }: Catalog,
  options: ImportOptions,
): Promise<Origin> {
  const { report } = path === "-" ? inspection : await lookForHolder(inspection, path);
  tellFindings(report, options.log);
  refuseDamaged(report, options.accept);
  const known = bySnapshot.get(report.sha256);
  if (known !== undefined) throw new KnownAlready(known);
  const { revision } = report;
  return {
    lineage: lineageOfImport(names, { time: timeMs, revision }, isTimeKnown),
    previous: previousOf(newest),
    imported: true,
    source: null,
    server: "",
    isConfirmed: false,
    durations: {},
    report,
  };
}
