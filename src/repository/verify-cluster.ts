/** Verifying what there is of a cluster: some of it deeply, and the chain as a whole. */
import type { Waiting } from "../store/store.ts";
import {
  gapsOf,
  isItsAlone,
  listBackups,
  loadBackups,
  type Gap,
  type ListedBackup,
  type Loaded,
} from "./catalog.ts";
import { requireBackups } from "./clusters.ts";
import { lastOnRecord, listEvidence } from "./evidence.ts";
import type { Repository } from "./repository.ts";
import { chooseSubset, type Subset } from "./subset.ts";
import { findBackup } from "./target.ts";
import type { Trust } from "./trust.ts";
import { verifyBackup, type Verdict, type VerifyOptions } from "./verify.ts";

export interface VerifyClusterOptions extends Waiting, Omit<VerifyOptions, "progress"> {
  readonly cluster: string;
  /** As `findBackup` takes them; none for all. */
  readonly targets: readonly string[];
  /** Which of them are read as deep as asked for; the others are listed. All when left out. */
  readonly subset: Subset | undefined;
  /** Whose backups count; without it signatures are not looked at. */
  readonly trust: Trust | undefined;
  /** Called with the stored bytes read so far, and those to read in all, as far as names tell. */
  readonly progress: (bytes: number, totalBytes: number) => void;
}

export interface VerifiedCluster {
  /** Newest first. */
  readonly verdicts: readonly Verdict[];
  /** In the chain of all backups; none where only some were asked for. */
  readonly gaps: readonly Gap[];
}

/**
 * A backup whose manifest is not the one that a later backup saw is bad, whatever else holds. Throws "backup-unknown"
 * where there is none.
 */
export async function verifyCluster(
  repository: Repository,
  options: VerifyClusterOptions,
): Promise<VerifiedCluster> {
  const { cluster, targets, trust, signal, depth } = options;
  const listing = await listBackups(repository, cluster, { signal });
  // nothing proven is no proof: a schedule with a mistyped name must not look well
  await requireBackups(repository, listing, { signal });
  const asked = new Set(targets.map((target) => findBackup(listing, target)));
  const names = targets.length === 0 ? listing.backups : [...asked];
  const loaded: Loaded[] = [];
  const loading = loadBackups(repository, names, { trust, signal, isProblem: isItsAlone });
  for await (const one of loading) loaded.push(one);
  const gaps = targets.length === 0 ? gapsOf(loaded.flatMap(counted)) : [];
  const deep = await deepOnes(repository, names, options);
  const progress = tally(names, deep, options);
  const verdicts: Verdict[] = [];
  for (const one of loaded) {
    const shallow = {
      ...options,
      progress,
      depth: deep.has(one.name.id) ? depth : "listed",
    } as const;
    const verdict = await verifyBackup(repository, one, shallow);
    verdicts.push(withChange(verdict, gaps));
  }
  return { verdicts, gaps };
}

function counted({ backup, problem }: Loaded) {
  return backup === undefined || problem !== undefined ? [] : [backup];
}

async function deepOnes(
  repository: Repository,
  names: readonly ListedBackup[],
  { cluster, subset, depth, signal }: VerifyClusterOptions,
): Promise<ReadonlySet<string>> {
  const ids = names.map(({ id }) => id);
  if (subset === undefined || depth === "listed") return new Set(ids);
  const evidence = await listEvidence(repository, cluster, { signal });
  const provenAt = (id: string): number | undefined => {
    const records = (evidence.get(id) ?? []).filter(({ outcome }) => outcome === depth);
    return lastOnRecord(records)?.time;
  };
  return new Set(chooseSubset(ids, subset, provenAt));
}

function tally(
  names: readonly ListedBackup[],
  deep: ReadonlySet<string>,
  { progress }: VerifyClusterOptions,
): (more: number) => void {
  const read = names.filter(({ id }) => deep.has(id));
  const total = read.reduce((sum, { data }) => sum + (data?.size ?? 0), 0);
  let done = 0;
  return (more) => progress((done += more), total);
}

/** What a later backup saw as the newest before it was another manifest than the one that is there now. */
function withChange(verdict: Verdict, gaps: readonly Gap[]): Verdict {
  const gap = gaps.find(({ previous, state }) => state === "changed" && previous === verdict.id);
  if (gap === undefined) return verdict;
  const message = `the manifest of ${verdict.id} is another than ${gap.id} saw when it was taken`;
  const faults = [...verdict.faults, { code: "document-invalid", message } as const];
  return { ...verdict, isProven: false, faults };
}
