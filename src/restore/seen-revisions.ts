/** What a repository tells of the revisions that clients may have seen. */
import type { Log } from "../io/log.ts";
import {
  isItsAlone,
  isItsOwnProblem,
  loadBackups,
  type ListedBackup,
  type Listing,
} from "../repository/catalog.ts";
import type { Repository } from "../repository/repository.ts";
import type { Trust } from "../repository/trust.ts";
import type { Waiting } from "../store/store.ts";
import type { SeenRevisions } from "./bump.ts";

/** So many backups of the newest lineage are looked at for the rate. */
const RECENT = 12;
/** So many that do not count are passed over in each lineage. */
const PATIENCE = 100;
/** Older lineages than so many have lower revisions than any bump adds. */
const LINEAGES = 24;
/** Closer ones say more about the clock than about the cluster. */
const LEAST_INTERVAL_MS = 10_000;

export interface SeenOptions extends Waiting {
  /** Only what it vouches for counts; without it everything whose manifest can be read. */
  readonly trust: Trust | undefined;
  readonly log: Log;
}

/**
 * undefined where nothing counts. Reads a few manifests of each lineage; one that the store does not give away keeps no
 * other backup from being restored, and is told of.
 */
export async function seenRevisions(
  repository: Repository,
  { backups }: Listing,
  options: SeenOptions,
): Promise<SeenRevisions | undefined> {
  const lineages = [...Map.groupBy(backups, ({ lineage }) => lineage).values()].slice(0, LINEAGES);
  let recent: readonly ListedBackup[] = [];
  const tops: ListedBackup[] = [];
  for (const lineage of lineages) {
    const found = await counted(repository, lineage, recent.length > 0 ? 1 : RECENT, options);
    if (recent.length === 0) recent = found;
    tops.push(...found);
  }
  if (tops.length === 0) return undefined;
  return {
    highest: tops.reduce((most, { revision }) => (revision > most ? revision : most), 0n),
    timeMs: Math.max(...tops.map(({ time }) => time)),
    ratePerSecond: highestRate(recent),
  };
}

/** The newest so many that count. */
async function counted(
  repository: Repository,
  lineage: readonly ListedBackup[],
  wanted: number,
  { log, ...options }: SeenOptions,
): Promise<ListedBackup[]> {
  const found: ListedBackup[] = [];
  const names = lineage.slice(0, wanted + PATIENCE);
  const loading = loadBackups(repository, names, { ...options, isProblem: isItsAlone });
  for await (const { name, problem } of loading) {
    const why = problem?.message;
    if (why === undefined) found.push(name);
    else if (!isItsOwnProblem(problem))
      log.warn(`${name.id} is left out of what clients can have seen: ${why}`);
    if (found.length === wanted) break;
  }
  return found;
}

/** Revisions a second between neighbours, the most of all. */
function highestRate(newestFirst: readonly ListedBackup[]): number {
  let rate = 0;
  for (const [at, newer] of newestFirst.entries()) {
    const older = newestFirst[at + 1];
    if (older === undefined || newer.time - older.time < LEAST_INTERVAL_MS) continue;
    const seconds = (newer.time - older.time) / 1000;
    rate = Math.max(rate, Number(newer.revision - older.revision) / seconds);
  }
  return rate;
}
