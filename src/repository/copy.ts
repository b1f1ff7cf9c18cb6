/**
 * Backups from one repository into another, byte for byte. No key is needed: what was signed stays signed. Evidence and
 * pins stay behind, since they are about one repository.
 */
import { HoldfastError } from "../errors.ts";
import type { ObjectInfo, Waiting } from "../store/store.ts";
import { isItsOwnProblem, listBackups, loadBackup, loadBackups, lostObject } from "./catalog.ts";
import type { ListedBackup, LoadedBackup } from "./catalog.ts";
import type { ManifestObject } from "./manifest.ts";
import { publish } from "./publish.ts";
import type { Repository } from "./repository.ts";
import { storedBytes } from "./stored.ts";
import { requireSigned, type Trust } from "./trust.ts";

export interface CopyOptions extends Waiting {
  /** When given, only backups that it vouches for are copied. */
  readonly trust: Trust | undefined;
  /** Called now and then with the bytes copied so far, of all backups. */
  readonly progress: (bytes: number) => void;
}

/**
 * Backups that the target lacks, or lacks the snapshot or signature of, or has the snapshot of cut short; oldest first, so
 * that what is there after an interruption is a whole past. Reads names, and a manifest where two sizes differ.
 */
export async function missingBackups(
  source: Repository,
  target: Repository,
  cluster: string,
  options: Waiting,
): Promise<ListedBackup[]> {
  const there = await listBackups(target, cluster, options);
  const { backups } = await listBackups(source, cluster, options);
  const parts = ({ manifest, signature, data }: ListedBackup): ObjectInfo[] =>
    [manifest, signature, data].filter((object) => object !== undefined);
  const sizeThere = ({ key }: ObjectInfo): number | undefined => there.objects.get(key)?.size;
  const missing = new Set(
    backups.filter((name) => parts(name).some((one) => sizeThere(one) === undefined)),
  );
  const different = backups.filter(
    (name) => !missing.has(name) && parts(name).some((one) => sizeThere(one) !== one.size),
  );
  // one of the two is damaged: what is wrong in the source alone does not concern the target
  for await (const { name, backup } of loadBackups(source, different, options))
    if (backup === undefined || lostObject(there, backup.manifest.objects)) missing.add(name);
  return backups.filter((name) => missing.has(name)).toReversed();
}

/** What became of one backup. */
export interface Copied {
  readonly id: string;
  readonly bytes: number;
  /** Why it was not copied; undefined where it was. */
  readonly problem: HoldfastError | undefined;
}

/**
 * Copies backups one after the other: objects, checked against the digests of the manifest on the way, then the
 * signature, then the manifest. One that is damaged, or whose signature does not count, is skipped and told.
 */
export async function* copyBackups(
  source: Repository,
  target: Repository,
  names: Iterable<ListedBackup>,
  options: CopyOptions,
): AsyncGenerator<Copied> {
  let done = 0;
  for (const name of names) {
    let bytes = 0;
    const progress = (more: number): void => {
      bytes += more;
      options.progress((done += more));
    };
    try {
      await copyBackup(source, target, name, { ...options, progress });
      yield { id: name.id, bytes, problem: undefined };
    } catch (problem) {
      options.signal.throwIfAborted();
      if (!isItsOwnProblem(problem) && !isOther(problem)) throw problem;
      yield { id: name.id, bytes, problem };
    }
  }
}

/** Whether the target has another one under the same name. */
function isOther(error: unknown): error is HoldfastError {
  return error instanceof HoldfastError && error.code === "object-exists";
}

/** @param options.progress gets how many bytes more were copied */
async function copyBackup(
  source: Repository,
  target: Repository,
  name: ListedBackup,
  options: CopyOptions,
): Promise<void> {
  const { signal, trust } = options;
  const backup = await loadBackup(source, name, { signal });
  if (trust !== undefined) requireSigned(backup, trust);
  for (const object of backup.manifest.objects)
    await copyObject(source, target, object, backup, options);
  await publish(target, backup, { signal });
}

async function copyObject(
  source: Repository,
  target: Repository,
  object: ManifestObject,
  backup: LoadedBackup,
  { signal, progress }: CopyOptions,
): Promise<void> {
  const { key, size } = object;
  const read = (from: Repository): AsyncIterable<Uint8Array> =>
    storedBytes(from, object, backup.name.id, { signal });
  if ((await target.store.stat(key, { signal })) !== undefined) {
    // Of a copy that was interrupted. Names are never used twice: it is the same, or it is damaged.
    try {
      for await (const _ of read(target));
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== "backup-damaged") throw error;
      throw new HoldfastError(error.code, error.message, { hint: replaceable(key), cause: error });
    }
    return progress(size);
  }
  await target.store.put(key, counted(read(source), progress), {
    ifAbsent: true,
    sizeHint: size,
    signal,
  });
}

/** Nothing is overwritten, not even what is damaged: somebody may want to look at it. */
function replaceable(key: string): string {
  return `move "${key}" away there, by the store's own means, and copy again: the source may hold it whole`;
}

async function* counted(
  bytes: AsyncIterable<Uint8Array>,
  progress: (more: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const piece of bytes) {
    yield piece;
    progress(piece.length);
  }
}
