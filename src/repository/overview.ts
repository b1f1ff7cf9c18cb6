/** What there is of a cluster, for people and programs: backups, what is on record of them, and what is pinned. */
import type { Waiting } from "../store/store.ts";
import { listBackups, loadBackups, type ListedBackup, type Listing } from "./catalog.ts";
import type { LoadAllOptions, Loaded } from "./catalog.ts";
import { concurrently } from "./concurrently.ts";
import { lastOnRecord, lastProven, listEvidence } from "./evidence.ts";
import type { LastProven, ListedEvidence } from "./evidence.ts";
import { listPins } from "./pins.ts";
import type { Repository } from "./repository.ts";

export interface Overview {
  readonly listing: Listing;
  readonly pins: ReadonlySet<string>;
  readonly evidence: ReadonlyMap<string, readonly ListedEvidence[]>;
}

/** Reads names only. */
export async function readOverview(
  repository: Repository,
  cluster: string,
  options: Waiting,
): Promise<Overview> {
  const [listing, pins, evidence] = await Promise.all([
    listBackups(repository, cluster, options),
    listPins(repository, cluster, options),
    listEvidence(repository, cluster, options),
  ]);
  return { listing, pins, evidence };
}

/** What the evidence on a backup says by its names. */
export function onRecord({ evidence }: Overview, { id }: ListedBackup): LastProven | undefined {
  return lastOnRecord(evidence.get(id) ?? []);
}

/** A backup with all that is known of it. */
export interface Described extends Loaded {
  readonly isPinned: boolean;
  /** By evidence that counts; without `trust` by what is on record. */
  readonly verified: LastProven | undefined;
}

/** How many backups are looked at at the same time. */
const CONCURRENCY = 16;

/** Reads the manifests, and with `trust` the evidence. In the order of the listing. */
export async function* describeBackups(
  repository: Repository,
  overview: Overview,
  names: Iterable<ListedBackup>,
  options: LoadAllOptions,
): AsyncGenerator<Described> {
  const loaded: Loaded[] = [];
  for await (const one of loadBackups(repository, names, options)) loaded.push(one);
  yield* concurrently(loaded, CONCURRENCY, async (one) => ({
    ...one,
    isPinned: overview.pins.has(one.name.id),
    verified: await verifiedOf(repository, overview, one, options),
  }));
}

async function verifiedOf(
  repository: Repository,
  overview: Overview,
  { name, backup, problem }: Loaded,
  { trust, ...options }: LoadAllOptions,
): Promise<LastProven | undefined> {
  if (backup === undefined || problem !== undefined) return undefined;
  if (trust === undefined) return onRecord(overview, name);
  return lastProven(repository, backup, overview.evidence.get(name.id) ?? [], {
    ...options,
    trust,
  });
}
