/** Which clusters have backups in a repository: for when the one that was asked for has none. */
import { HoldfastError } from "../errors.ts";
import type { Waiting } from "../store/store.ts";
import type { Listing } from "./catalog.ts";
import { backupsPrefix, parseKey } from "./layout.ts";
import type { Repository } from "./repository.ts";

/** So many names are told; more are no help. */
const MOST_NAMES = 20;

/** Their names in order. Reads the names of all objects until it knows enough clusters. */
export async function clustersOf({ store }: Repository, { signal }: Waiting): Promise<string[]> {
  const names = new Set<string>();
  for await (const { key } of store.list("", { signal })) {
    const part = parseKey(key);
    if (part?.kind === "manifest") names.add(part.name.cluster);
    if (names.size === MOST_NAMES) break;
  }
  return [...names];
}

/** What there is instead of the cluster that was asked for: for hints. */
export function clustersText(clusters: readonly string[]): string {
  if (clusters.length === 0) return "the repository holds no backup of any cluster";
  const names = clusters.map((name) => JSON.stringify(name)).join(", ");
  const more = clusters.length === MOST_NAMES ? ", and maybe others" : "";
  return `is --cluster right? The repository has backups of ${names}${more}`;
}

/** Throws "backup-unknown" where the cluster has no backup, and names those that have some. */
export async function requireBackups(
  repository: Repository,
  { cluster, backups }: Pick<Listing, "cluster" | "backups">,
  options: Waiting,
): Promise<void> {
  if (backups.length === 0)
    throw nothingOf(cluster, repository, await clustersOf(repository, options));
}

/**
 * "backup-unknown" where only other clusters have backups: a name that is mistyped. A repository may be new, and of a
 * cluster there may be nothing but leftovers.
 */
export async function strangeCluster(
  repository: Repository,
  cluster: string,
  options: Waiting,
): Promise<HoldfastError | undefined> {
  for await (const { key } of repository.store.list(backupsPrefix(cluster), options))
    if (parseKey(key) !== undefined) return undefined;
  const clusters = await clustersOf(repository, options);
  return clusters.length === 0 ? undefined : nothingOf(cluster, repository, clusters);
}

function nothingOf(
  cluster: string,
  { store }: Repository,
  clusters: readonly string[],
): HoldfastError {
  return new HoldfastError(
    "backup-unknown",
    `there is no backup of the cluster "${cluster}" in ${store.url}`,
    { hint: clustersText(clusters) },
  );
}
