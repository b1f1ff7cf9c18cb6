/** Pruning: a plan with a reason for each backup, and then exactly that, manifests first. */
import { HoldfastError } from "../errors.ts";
import { now } from "../io/clock.ts";
import {
  decideRetention,
  keepsSomething,
  type Decision,
  type RetentionRules,
} from "../policy/retention.ts";
import type { Waiting } from "../store/store.ts";
import { strangeCluster } from "./clusters.ts";
import { concurrently } from "./concurrently.ts";
import { findOrphans, type Orphans } from "./orphans.ts";
import type { LoadedBackup } from "./catalog.ts";
import { deleteUnlessLocked, removeBackup, sharedObjects } from "./remove.ts";
import type { Repository } from "./repository.ts";
import {
  manifestsOf,
  readStandings,
  requireTrusted,
  withLocks,
  type Counted,
  type StandingOptions,
  type Standings,
} from "./standing.ts";

export interface PruneOptions extends StandingOptions {
  readonly rules: RetentionRules;
  /** Orphans younger than this are left alone. */
  readonly graceMs: number;
}

export interface PrunePlan {
  readonly cluster: string;
  readonly standings: Standings;
  /** Of the backups that count, newest first. */
  readonly decisions: readonly Decision<Counted>[];
  /** Why nothing goes at all, where that is so. */
  readonly frozen: string | undefined;
  readonly orphans: Orphans;
  readonly graceMs: number;
}

/** What pruning would do now. Changes nothing. Throws "usage" for rules that keep nothing, "backup-unknown" for a mistyped name. */
export async function planPrune(
  repository: Repository,
  cluster: string,
  options: PruneOptions,
): Promise<PrunePlan> {
  const { rules, graceMs, signal } = options;
  if (!keepsSomething(rules))
    throw new HoldfastError("usage", "these rules keep nothing, and not everything is removed", {
      hint: "give at least one rule, as --keep-daily 14",
    });
  const problem = await strangeCluster(repository, cluster, options);
  if (problem !== undefined) throw problem;
  const standings = await readStandings(repository, cluster, options);
  const time = now().getTime();
  const first = decideRetention(standings.counted, rules, time);
  const going = new Set(first.decisions.filter(({ keep }) => !keep).map(({ backup }) => backup.id));
  const counted = await withLocks(repository, standings.counted, going, { signal });
  const { decisions, frozen } = decideRetention(counted, rules, time);
  const orphans = await orphansOf(repository, cluster, { standings, graceMs, signal });
  return { cluster, standings, decisions, frozen, orphans, graceMs };
}

function orphansOf(
  repository: Repository,
  cluster: string,
  { standings, graceMs, signal }: Pick<PrunePlan, "standings" | "graceMs"> & Waiting,
): Promise<Orphans> {
  const known = new Map(manifestsOf(standings).map((manifest) => [manifest.id, manifest]));
  return findOrphans(repository, cluster, {
    graceMs,
    known,
    evidence: standings.evidence,
    signal,
  });
}

export interface Pruned {
  /** IDs, oldest first. */
  readonly removed: readonly string[];
  /** Of the plan, but kept after all: pinned in the meantime, or locked. */
  readonly kept: readonly { readonly id: string; readonly reason: string }[];
  /** Keys. */
  readonly swept: readonly string[];
  /** Unfinished uploads and temporary files that were taken away. */
  readonly uploads: number;
}

/** How many backups are removed at the same time. */
const CONCURRENCY = 4;

/** Does what the plan says, the oldest first. Orphans are looked for once more, so that nothing published since is one. */
export async function runPrune(
  repository: Repository,
  plan: PrunePlan,
  { signal }: Waiting,
): Promise<Pruned> {
  const { decisions, standings, graceMs } = plan;
  requireTrusted(standings);
  const going = decisions.filter(({ keep }) => !keep).map(({ backup }) => backup.backup);
  const removed: string[] = [];
  const kept: { id: string; reason: string }[] = [];
  const shared = sharedObjects(manifestsOf(standings), new Set(going.map(({ name }) => name.id)));
  const remove = (backup: LoadedBackup) => removeOne(repository, backup, shared, signal);
  for await (const { id, reason } of concurrently(going.toReversed(), CONCURRENCY, remove)) {
    if (reason === undefined) removed.push(id);
    else kept.push({ id, reason });
  }
  const swept = await sweep(repository, plan, signal);
  const uploads = await repository.store.sweep(graceMs, { signal });
  return { removed, kept, swept, uploads };
}

async function removeOne(
  repository: Repository,
  { name, manifest }: LoadedBackup,
  shared: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<{ id: string; reason: string | undefined }> {
  const { id } = name;
  try {
    const isGone = await removeBackup(repository, { name, manifest }, { shared, signal });
    return { id, reason: isGone ? undefined : "pinned in the meantime" };
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "object-locked")
      return { id, reason: error.message };
    throw error;
  }
}

async function sweep(
  repository: Repository,
  { orphans, standings, cluster, graceMs }: PrunePlan,
  signal: AbortSignal,
): Promise<string[]> {
  if (orphans.found.length === 0) return [];
  const planned = new Set(orphans.found.map(({ key }) => key));
  const still = await orphansOf(repository, cluster, { standings, graceMs, signal });
  const swept: string[] = [];
  for (const { key } of still.found) {
    if (planned.has(key) && (await deleteUnlessLocked(repository, key, { signal })))
      swept.push(key);
  }
  return swept;
}
