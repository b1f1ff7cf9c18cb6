/** The backups of a cluster, as the store has them now. Names alone are fast; what they promise is in the manifests. */
import { HoldfastError } from "../errors.ts";
import { compareNewestFirst } from "../policy/retention.ts";
import { StoreFailure } from "../store/failure.ts";
import type { ObjectInfo, Waiting } from "../store/store.ts";
import type { ObjectCache } from "./cache.ts";
import { concurrently } from "./concurrently.ts";
import {
  invalid,
  MOST_DOCUMENT_BYTES,
  MOST_SIGNATURE_BYTES,
  readSmallObject,
  sha256Of,
} from "./document.ts";
import { backupsPrefix, manifestKey, parseKey, signatureKey, type BackupName } from "./layout.ts";
import { decodeManifest, type Manifest, type ManifestObject } from "./manifest.ts";
import type { SignedManifest } from "./publish.ts";
import type { Repository } from "./repository.ts";
import { requireSigned, type Trust } from "./trust.ts";

/** A backup by its name. */
export interface ListedBackup extends BackupName {
  readonly manifest: ObjectInfo;
  /** undefined for a backup that nobody signed. */
  readonly signature: ObjectInfo | undefined;
  /** The snapshot, found by its name; undefined where it has another, or is not there. */
  readonly data: ObjectInfo | undefined;
}

/** One listing of the folder `backups/`. */
export interface Listing {
  readonly cluster: string;
  /** Newest first. */
  readonly backups: readonly ListedBackup[];
  /** Everything that lies there and is of the layout, by key. */
  readonly objects: ReadonlyMap<string, ObjectInfo>;
  /** How many other things lie there. */
  readonly strangers: number;
}

/** Reads names only. */
export async function listBackups(
  { store }: Repository,
  cluster: string,
  { signal }: Waiting,
): Promise<Listing> {
  const objects = new Map<string, ObjectInfo>();
  const names: BackupName[] = [];
  const data = new Map<string, ObjectInfo>();
  let strangers = 0;
  for await (const info of store.list(backupsPrefix(cluster), { signal })) {
    const part = parseKey(info.key);
    if (part === undefined) {
      strangers++;
      continue;
    }
    objects.set(info.key, info);
    if (part.kind === "manifest") names.push(part.name);
    if (part.kind === "data") data.set(part.random, info);
  }
  const backups = names.map((name) => listed(name, objects, data.get(name.random)));
  return { cluster, backups: backups.toSorted(compareNewestFirst), objects, strangers };
}

function listed(
  name: BackupName,
  objects: Listing["objects"],
  data: ObjectInfo | undefined,
): ListedBackup {
  const key = manifestKey(name);
  return {
    ...name,
    manifest: objects.get(key)!,
    signature: objects.get(signatureKey(key)),
    data,
  };
}

/** A backup with its manifest read, and nothing more: who signed it is another question. */
export interface LoadedBackup extends SignedManifest {
  readonly name: ListedBackup;
  /** Of the manifest's bytes: what `previous` of the next one holds. */
  readonly sha256: string;
}

export interface LoadOptions extends Waiting {
  readonly cache?: ObjectCache | undefined;
}

/** Reads the manifest of a backup, and its signature. Throws "document-invalid", "format-newer" and "object-missing". */
export async function loadBackup(
  repository: Repository,
  name: ListedBackup,
  options: LoadOptions,
): Promise<LoadedBackup> {
  const bytes = await fetchObject(repository, name.manifest, MOST_DOCUMENT_BYTES, options);
  const signature =
    name.signature &&
    (await fetchObject(repository, name.signature, MOST_SIGNATURE_BYTES, options));
  return { name, manifest: decodeManifest(bytes, name), bytes, signature, sha256: sha256Of(bytes) };
}

/** An object that was just listed; from the cache when it holds one of this size. */
export async function fetchObject(
  { store }: Repository,
  { key, size }: ObjectInfo,
  most: number,
  { cache, signal }: LoadOptions,
): Promise<Uint8Array> {
  if (size > most) throw invalid(`"${key}"`, `it has ${size} bytes, ${most} are allowed`);
  const cached = cache?.get(key, size);
  if (cached !== undefined) return cached;
  const bytes = await readSmallObject(store, key, { most, signal });
  await cache?.put(key, bytes);
  return bytes;
}

/** What is wrong with objects that lie in the listed folder, by their names and sizes alone; undefined for nothing. */
export function lostObject(
  { objects: there, cluster }: Listing,
  objects: readonly ManifestObject[],
): HoldfastError | undefined {
  const lost = objects.find(
    ({ key, size }) => key.startsWith(backupsPrefix(cluster)) && there.get(key)?.size !== size,
  );
  if (lost === undefined) return undefined;
  const state = there.has(lost.key) ? "has another size" : "is not there";
  return new HoldfastError("backup-damaged", `its ${lost.role} "${lost.key}" ${state}`);
}

/** A backup and what became of reading it. */
export interface Loaded {
  readonly name: ListedBackup;
  /** undefined where the manifest cannot be used. */
  readonly backup: LoadedBackup | undefined;
  /** Whose it is; undefined without `trust`, and where there is a problem. */
  readonly signer: string | undefined;
  /** Why it does not count: manifest, signature. */
  readonly problem: HoldfastError | undefined;
}

export interface LoadAllOptions extends LoadOptions {
  /** Without it signatures are not looked at. */
  readonly trust?: Trust | undefined;
  /** Whether an error is a problem of one backup alone, and the others are read; by default its own problems are. */
  readonly isProblem?: (error: unknown) => error is HoldfastError;
}

/** How many objects are asked for at the same time. */
const CONCURRENCY = 16;

/** Reads many manifests, in the order of the names. What is wrong with one of them is its problem alone. */
export function loadBackups(
  repository: Repository,
  names: Iterable<ListedBackup>,
  options: LoadAllOptions,
): AsyncGenerator<Loaded> {
  return concurrently(names, CONCURRENCY, (name) => load(repository, name, options));
}

async function load(
  repository: Repository,
  name: ListedBackup,
  options: LoadAllOptions,
): Promise<Loaded> {
  const { isProblem = isItsOwnProblem } = options;
  let backup: LoadedBackup | undefined;
  try {
    backup = await loadBackup(repository, name, options);
    const signer = options.trust && requireSigned(backup, options.trust);
    return { name, backup, signer, problem: undefined };
  } catch (problem) {
    options.signal.throwIfAborted();
    if (!isProblem(problem)) throw problem;
    return { name, backup, signer: undefined, problem };
  }
}

const OWN_PROBLEMS: ReadonlySet<string> = new Set([
  "backup-damaged",
  "document-invalid",
  "format-newer",
  "object-missing",
  "signature-missing",
  "signature-invalid",
  "signer-unknown",
]);

/** Whether something is wrong with one backup, and not with the store as a whole. */
export function isItsOwnProblem(error: unknown): error is HoldfastError {
  return error instanceof HoldfastError && OWN_PROBLEMS.has(error.code);
}

/**
 * Whether others may be read although this one cannot: all but a store that does not answer. An object may be archived,
 * under rights or a key of its own, or on a bad sector.
 */
export function isItsAlone(error: unknown): error is HoldfastError {
  return isItsOwnProblem(error) || (error instanceof StoreFailure && !error.isTransient);
}

/** The newest backup that counts, and what was found on the way to it. */
export interface Newest {
  readonly backup: LoadedBackup | undefined;
  /** Newer ones that do not count. */
  readonly passedOver: readonly Loaded[];
}

/** So many that do not count are passed over; a store full of forgeries needs a look, not patience. */
const MOST_PASSED_OVER = 100;

/** For the next backup: what it comes after. Reads as many manifests as are needed. */
export async function newestBackup(
  repository: Repository,
  { backups }: Listing,
  options: LoadAllOptions,
): Promise<Newest> {
  const passedOver: Loaded[] = [];
  for (const name of backups.slice(0, MOST_PASSED_OVER)) {
    const loaded = await load(repository, name, options);
    if (loaded.problem === undefined) return { backup: loaded.backup, passedOver };
    passedOver.push(loaded);
  }
  return { backup: undefined, passedOver };
}

/** A break in the chain that `previous` makes. */
export interface Gap {
  readonly id: string;
  readonly previous: string;
  /** "missing": pruned, or taken away. "changed": there, with other bytes than when it was the newest. */
  readonly state: "missing" | "changed";
}

/** Of backups that count, in any order. Pruning leaves gaps as well: a missing one is worth telling, not an error. */
export function gapsOf(
  backups: readonly { readonly manifest: Manifest; readonly sha256: string }[],
): Gap[] {
  const known = new Map(backups.map(({ manifest, sha256 }) => [manifest.id, sha256]));
  return backups.flatMap(({ manifest: { id, previous } }) => {
    if (previous === null || known.get(previous.id) === previous.sha256) return [];
    const state = known.has(previous.id) ? "changed" : "missing";
    return [{ id, previous: previous.id, state }];
  });
}

/**
 * Backups seen from this machine, newer than all that the store still has: somebody took them away. Older ones that are
 * gone were pruned; the cache forgets them.
 */
export function vanishedNewest({ cluster, backups }: Listing, cache: ObjectCache): BackupName[] {
  const there = new Set(backups.map(({ id }) => id));
  const [newest] = backups;
  const gone = cache.seen(cluster).filter(({ id }) => !there.has(id));
  return gone.filter((name) => {
    // Only what would come before it: of two with one revision and time, one may have replaced the other.
    if (newest === undefined || compareNewestFirst({ ...name, id: newest.id }, newest) < 0)
      return true;
    const key = manifestKey(name);
    for (const one of [key, signatureKey(key)]) cache.forget(one);
    return false;
  });
}
