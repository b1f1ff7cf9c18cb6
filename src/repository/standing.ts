/**
 * Which backups count as recovery points, and all that speaks for keeping each. What does not count is neither kept by a
 * rule nor removed by one.
 */
import { HoldfastError } from "../errors.ts";
import { now } from "../io/clock.ts";
import type { Recoverable } from "../policy/retention.ts";
import type { Waiting } from "../store/store.ts";
import {
  listBackups,
  loadBackups,
  lostObject,
  type Listing,
  type Loaded,
  type LoadedBackup,
} from "./catalog.ts";
import { concurrently } from "./concurrently.ts";
import { lastProven, listEvidence, type Depth, type ListedEvidence } from "./evidence.ts";
import { manifestKey } from "./layout.ts";
import type { Manifest } from "./manifest.ts";
import { listPins } from "./pins.ts";
import type { Repository } from "./repository.ts";
import { isoTime } from "./stamp.ts";
import type { Trust } from "./trust.ts";

/** A backup that counts, as retention sees it. */
export interface Counted extends Recoverable {
  readonly backup: LoadedBackup;
}

export interface StandingOptions extends Waiting {
  /** Without it every backup counts whose manifest can be read, and no evidence does. */
  readonly trust: Trust | undefined;
}

/** A cluster's backups, read from the store and nowhere else. */
export interface Standings {
  readonly listing: Listing;
  /** Whether signatures were looked at. */
  readonly isTrusted: boolean;
  /** Newest first. */
  readonly counted: readonly Counted[];
  /** Those that do not count, each with its problem. */
  readonly others: readonly Loaded[];
  readonly pins: ReadonlySet<string>;
  readonly evidence: ReadonlyMap<string, readonly ListedEvidence[]>;
}

export async function readStandings(
  repository: Repository,
  cluster: string,
  options: StandingOptions,
): Promise<Standings> {
  const listing = await listBackups(repository, cluster, options);
  const pins = await listPins(repository, cluster, options);
  const evidence = await listEvidence(repository, cluster, options);
  const loaded: Loaded[] = [];
  for await (const one of loadBackups(repository, listing.backups, options))
    loaded.push(withMissing(one, listing));
  const good = loaded.flatMap(({ backup, problem }) =>
    backup === undefined || problem !== undefined ? [] : [backup],
  );
  const proven = await provenOf(repository, good, evidence, options);
  const replaced = replacements(good);
  const counted = good.map((backup) => recoverable(backup, { pins, proven, replaced }));
  const others = loaded.filter(({ problem }) => problem !== undefined);
  const isTrusted = options.trust !== undefined;
  return { listing, isTrusted, counted, others, pins, evidence };
}

/** A backup without its snapshot is no recovery point. */
function withMissing(loaded: Loaded, listing: Listing): Loaded {
  const { backup, problem } = loaded;
  if (backup === undefined || problem !== undefined) return loaded;
  return { ...loaded, problem: lostObject(listing, backup.manifest.objects) };
}

function recoverable(
  backup: LoadedBackup,
  known: {
    readonly pins: ReadonlySet<string>;
    readonly proven: Proven;
    readonly replaced: ReadonlyMap<string, string>;
  },
): Counted {
  const { name, manifest } = backup;
  const { id, lineage, revision, time } = name;
  return {
    backup,
    id,
    lineage,
    revision,
    time,
    size: manifest.contents.dbSizeInUse,
    isPinned: known.pins.has(id),
    locked: undefined,
    proven: known.proven.get(id),
    replacedBy: known.replaced.get(id),
  };
}

/** By ID of the one replaced, whose contents the other has indeed. */
function replacements(backups: readonly LoadedBackup[]): Map<string, string> {
  const byId = new Map(backups.map((backup) => [backup.name.id, backup]));
  return new Map(
    backups.flatMap(({ manifest, name }) => {
      const old = manifest.replaces === undefined ? undefined : byId.get(manifest.replaces);
      const isSame =
        old !== undefined &&
        old.name.lineage === name.lineage &&
        old.manifest.revision === manifest.revision &&
        old.manifest.snapshot.sha256 === manifest.snapshot.sha256;
      return isSame ? [[old.name.id, name.id] as const] : [];
    }),
  );
}

type Proven = ReadonlyMap<string, Exclude<Depth, "listed">>;

/**
 * The last proven backup of each lineage, and the last whose contents were read: for retention that is enough, and
 * evidence on the others is not read.
 */
async function provenOf(
  repository: Repository,
  backups: readonly LoadedBackup[],
  evidence: Standings["evidence"],
  { trust, signal }: StandingOptions,
): Promise<Proven> {
  const proven = new Map<string, Exclude<Depth, "listed">>();
  if (trust === undefined) return proven;
  for (const members of Map.groupBy(backups, ({ name }) => name.lineage).values()) {
    let isStored = false;
    for (const backup of members) {
      const records = evidence.get(backup.name.id) ?? [];
      const least = isStored ? "contents" : "stored";
      const options = { trust, signal, least } as const;
      const last = await lastProven(repository, backup, records, options);
      if (last === undefined || last.depth === "listed") continue;
      proven.set(backup.name.id, last.depth);
      isStored = true;
      if (last.depth === "contents") break;
    }
  }
  return proven;
}

/** How many objects are asked for at the same time. */
const CONCURRENCY = 16;

/** The same backups, with what the store says of locks on them. Asks for each, where the store has locks at all. */
export async function withLocks(
  { store }: Repository,
  counted: readonly Counted[],
  ids: ReadonlySet<string>,
  { signal }: Waiting,
): Promise<readonly Counted[]> {
  if (!(await store.capabilities({ signal })).objectLock) return counted;
  const asked = counted.filter(({ id }) => ids.has(id));
  const locks = new Map<string, string>();
  const until = async ({ id, backup: { name, manifest } }: Counted) => {
    const keys = [manifestKey(name), ...manifest.objects.map(({ key }) => key)];
    const times = [0];
    for (const key of keys) times.push((await store.stat(key, { signal }))?.lockedUntilMs ?? 0);
    return { id, until: Math.max(...times) };
  };
  for await (const { id, until: time } of concurrently(asked, CONCURRENCY, until))
    if (time > now().getTime()) locks.set(id, `until ${isoTime(time)}`);
  return counted.map((one) => Object.assign({}, one, { locked: locks.get(one.id) }));
}

/** Throws "usage" where signatures were not looked at: a forged backup would count, and a good one be removed for it. */
export function requireTrusted({ isTrusted }: { readonly isTrusted: boolean }): void {
  if (isTrusted) return;
  throw new HoldfastError("usage", "nothing is deleted without --allowed-signers", {
    hint: "only backups whose signature checks count: give the file, or HOLDFAST_ALLOWED_SIGNERS",
  });
}

/** Also of backups that do not count: what they name is not to be taken from them. */
export function manifestsOf({ counted, others }: Standings): Manifest[] {
  return [
    ...counted.map(({ backup }) => backup.manifest),
    ...others.flatMap(({ backup }) => (backup === undefined ? [] : [backup.manifest])),
  ];
}
