/**
 * Taking a backup away. The manifest goes first, since it is what makes a backup exist: whatever happens after that
 * leaves things behind that nobody lists, and that are swept later.
 */
import { HoldfastError } from "../errors.ts";
import { protectionsOf } from "../policy/retention.ts";
import type { Waiting } from "../store/store.ts";
import type { ListedBackup } from "./catalog.ts";
import { requireBackups } from "./clusters.ts";
import { evidenceKeys, listEvidence } from "./evidence.ts";
import { manifestKey, pinKey, signatureKey, type BackupName } from "./layout.ts";
import type { Manifest } from "./manifest.ts";
import type { Repository } from "./repository.ts";
import {
  manifestsOf,
  readStandings,
  requireTrusted,
  withLocks,
  type StandingOptions,
} from "./standing.ts";
import { findByOwnId } from "./target.ts";

export interface Removal {
  readonly name: Pick<BackupName, "cluster" | "id">;
  /** undefined where it does not count: then its objects are left to the sweep. */
  readonly manifest: Manifest | undefined;
}

/**
 * Removes a backup: manifest, signature, objects but those that others still name, evidence. A pin that has come in the
 * meantime keeps it. Whether it was removed. Throws "object-locked" before anything is gone where its manifest is locked.
 *
 * @param shared keys that manifests of other backups name
 */
export async function removeBackup(
  repository: Repository,
  { name, manifest }: Removal,
  { shared, signal }: Waiting & { readonly shared: ReadonlySet<string> },
): Promise<boolean> {
  const { store } = repository;
  if ((await store.stat(pinKey(name), { signal })) !== undefined) return false;
  const key = manifestKey(name);
  await store.delete(key, { signal });
  const evidence = await listEvidence(repository, name.cluster, { id: name.id, signal });
  const objects = (manifest?.objects ?? []).filter((object) => !shared.has(object.key));
  const keys = [
    signatureKey(key),
    ...objects.map((object) => object.key),
    ...evidenceKeys(evidence.get(name.id) ?? []),
  ];
  for (const one of keys) await deleteUnlessLocked(repository, one, { signal });
  return true;
}

/** Whether it is gone. What is locked can be swept when the lock is over. */
export async function deleteUnlessLocked(
  { store }: Repository,
  key: string,
  options: Waiting,
): Promise<boolean> {
  try {
    await store.delete(key, options);
    return true;
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "object-locked") return false;
    throw error;
  }
}

/** Keys of objects that manifests other than those of `going` name. */
export function sharedObjects(
  manifests: readonly Manifest[],
  going: ReadonlySet<string>,
): ReadonlySet<string> {
  const staying = manifests.filter(({ id }) => !going.has(id));
  return new Set(staying.flatMap(({ objects }) => objects.map(({ key }) => key)));
}

export interface RemovalPlan {
  readonly removal: Removal & { readonly name: ListedBackup };
  /** Why it does not count as a recovery point, where it does not. */
  readonly problem: HoldfastError | undefined;
  readonly shared: ReadonlySet<string>;
}

/**
 * What removing one backup means. The protections of pruning hold here too. Throws "backup-unknown", and
 * "backup-protected" with every reason.
 */
export async function planRemoval(
  repository: Repository,
  cluster: string,
  target: string,
  options: StandingOptions,
): Promise<RemovalPlan> {
  const standings = await readStandings(repository, cluster, options);
  requireTrusted(standings);
  await requireBackups(repository, standings.listing, options);
  const name = findByOwnId(standings.listing, target);
  const { id } = name;
  const counted = await withLocks(repository, standings.counted, new Set([id]), options);
  const other = standings.others.find((one) => one.name.id === id);
  const pinned = standings.pins.has(id) ? ["pinned"] : [];
  const reasons = other === undefined ? protectionsOf(counted, id) : pinned;
  if (reasons.length > 0) refuse(id, reasons);
  if (counted.length === 0)
    refuse(id, ["no backup counts by these allowed signers, so this may be the last one"]);
  const manifest = other?.backup?.manifest ?? counted.find((one) => one.id === id)?.backup.manifest;
  const shared = sharedObjects(manifestsOf(standings), new Set([id]));
  return { removal: { name, manifest }, problem: other?.problem, shared };
}

function refuse(id: string, reasons: readonly string[]): never {
  throw new HoldfastError("backup-protected", `${id} is not removed: ${reasons.join(", ")}`);
}
