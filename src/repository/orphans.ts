/**
 * What interrupted backups and removals left behind: objects that no manifest names. They are swept only when they are
 * old, for a backup that is being taken looks the same until the moment when it is published.
 */
import { now } from "../io/clock.ts";
import type { ObjectInfo, Waiting } from "../store/store.ts";
import { listBackups, loadBackups, type Listing } from "./catalog.ts";
import type { ListedEvidence } from "./evidence.ts";
import { parseKey, reportsPrefix } from "./layout.ts";
import type { Manifest } from "./manifest.ts";
import type { Repository } from "./repository.ts";

export interface Orphan {
  readonly key: string;
  readonly size: number;
  /** By the clock of the store. */
  readonly ageMs: number;
}

export interface OrphanOptions extends Waiting {
  readonly graceMs: number;
  /** Manifests that were read already, by ID: they never change. */
  readonly known: ReadonlyMap<string, Manifest>;
  readonly evidence: ReadonlyMap<string, readonly ListedEvidence[]>;
}

export interface Orphans {
  readonly found: readonly Orphan[];
  /** Why nothing can be said, where that is so: a manifest that cannot be read may name anything. */
  readonly unknown: string | undefined;
}

/**
 * Objects without a manifest, of at least `graceMs`, oldest first. Lists anew, and reads the manifests that are not
 * known yet.
 */
export async function findOrphans(
  repository: Repository,
  cluster: string,
  options: OrphanOptions,
): Promise<Orphans> {
  const { graceMs, evidence, signal } = options;
  // Before the manifests: what is published in between is named by them then.
  const reports: ObjectInfo[] = [];
  for await (const info of repository.store.list(reportsPrefix(cluster), { signal }))
    if (parseKey(info.key)?.kind === "report") reports.push(info);
  const listing = await listBackups(repository, cluster, { signal });
  const named = await namedObjects(repository, listing, options);
  if (typeof named === "string") return { found: [], unknown: named };
  const candidates = [...leftovers(listing), ...reports, ...pastEvidence(listing, evidence)];
  const clock = storeClock([...listing.objects.values(), ...reports]);
  const found = candidates
    .filter(({ key }) => !named.has(key))
    .map(({ key, size, modifiedMs }) => ({ key, size, ageMs: clock - (modifiedMs ?? Infinity) }))
    .filter(({ ageMs }) => ageMs >= graceMs)
    .toSorted((a, b) => b.ageMs - a.ageMs);
  return { found, unknown: undefined };
}

/** Keys of all objects that a listed manifest names, or why that is not known. */
async function namedObjects(
  repository: Repository,
  { backups }: Listing,
  { known, signal }: OrphanOptions,
): Promise<ReadonlySet<string> | string> {
  const objects = backups.flatMap(({ id }) => known.get(id)?.objects ?? []);
  const unread = backups.filter(({ id }) => !known.has(id));
  for await (const { backup, name } of loadBackups(repository, unread, { signal })) {
    if (backup === undefined) return `the manifest of ${name.id} cannot be read, and may name them`;
    objects.push(...backup.manifest.objects);
  }
  return new Set(objects.map(({ key }) => key));
}

/** Snapshots, and signatures without their manifest. */
function leftovers({ objects }: Listing): ObjectInfo[] {
  return [...objects.values()].filter(({ key }) => {
    const kind = parseKey(key)?.kind;
    return kind === "data" || (kind === "manifest-signature" && !objects.has(key.slice(0, -4)));
  });
}

/** On record about backups that are gone. */
function pastEvidence(
  { backups }: Listing,
  evidence: ReadonlyMap<string, readonly ListedEvidence[]>,
): ObjectInfo[] {
  const there = new Set(backups.map(({ id }) => id));
  const past = [...evidence].filter(([id]) => !there.has(id)).flatMap(([, records]) => records);
  return past.flatMap(({ document, signature }) =>
    signature ? [document, signature] : [document],
  );
}

/**
 * What time it is, at the least, in the store: when its newest object came. Our own clock may be days ahead of it, and
 * an upload of this minute would look old.
 */
function storeClock(objects: readonly ObjectInfo[]): number {
  const newest = objects.reduce((most, { modifiedMs }) => Math.max(most, modifiedMs ?? 0), 0);
  return Math.min(newest, now().getTime());
}
