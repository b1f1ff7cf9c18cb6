/** Which backup is meant, in which of several repositories it is, and whose it is. */
import { HoldfastError } from "../errors.ts";
import type { Log } from "../io/log.ts";
import { compareNewestFirst } from "../policy/retention.ts";
import {
  isItsOwnProblem,
  listBackups,
  loadBackup,
  lostObject,
  type ListedBackup,
  type Listing,
  type LoadedBackup,
} from "../repository/catalog.ts";
import { requireBackups } from "../repository/clusters.ts";
import { objectOf } from "../repository/manifest.ts";
import type { Repository } from "../repository/repository.ts";
import { findBackup } from "../repository/target.ts";
import { requireSigned, type Trust } from "../repository/trust.ts";
import type { Waiting } from "../store/store.ts";

/** A backup that may be opened. */
export interface FoundBackup {
  readonly repository: Repository;
  readonly listing: Listing;
  readonly backup: LoadedBackup;
  /** undefined where nobody looked. */
  readonly signer: string | undefined;
}

export interface FindOptions extends Waiting {
  /** Whose signatures count; undefined takes any backup, signed or not. */
  readonly trust: Trust | undefined;
  readonly log: Log;
}

/** A backup by its name, where it lies. */
interface Candidate {
  readonly repository: Repository;
  readonly listing: Listing;
  readonly name: ListedBackup;
}

/**
 * The backup that a target means, with its signature checked and its snapshot there: of several repositories the newest
 * that fits, from the first repository where it is good. What is wrong with it everywhere is thrown, and the one before
 * it named: nothing else is taken in its place.
 */
export async function findBackupToOpen(
  repositories: readonly Repository[],
  cluster: string,
  target: string,
  options: FindOptions,
): Promise<FoundBackup> {
  const candidates = await findCandidates(repositories, cluster, target, options);
  const [newest] = candidates.toSorted((a, b) => compareNewestFirst(a.name, b.name));
  let failure: HoldfastError | undefined;
  for (const candidate of candidates.filter(({ name }) => name.id === newest!.name.id)) {
    try {
      return await openCandidate(candidate, options);
    } catch (error) {
      options.signal.throwIfAborted();
      if (!(error instanceof HoldfastError)) throw error;
      failure ??= error;
      options.log.warn(`in ${candidate.repository.store.url}: ${error.message}`);
    }
  }
  throw refused(newest!, failure!);
}

/** At least one. */
async function findCandidates(
  repositories: readonly Repository[],
  cluster: string,
  target: string,
  { signal, log }: FindOptions,
): Promise<Candidate[]> {
  const found: Candidate[] = [];
  let failure: unknown;
  for (const repository of repositories) {
    try {
      const listing = await listBackups(repository, cluster, { signal });
      await requireBackups(repository, listing, { signal });
      found.push({ repository, listing, name: findBackup(listing, target) });
    } catch (error) {
      signal.throwIfAborted();
      failure ??= error;
      if (repositories.length > 1)
        log.warn(`${repository.store.url} is left out: ${(error as Error).message}`);
    }
  }
  if (found.length === 0) throw failure;
  return found;
}

async function openCandidate(
  { repository, listing, name }: Candidate,
  { trust, signal }: FindOptions,
): Promise<FoundBackup> {
  const backup = await loadBackup(repository, name, { signal });
  const signer = trust && requireSigned(backup, trust);
  const lost = lostObject(listing, [objectOf(backup.manifest, "snapshot")]);
  if (lost !== undefined) throw lost;
  return { repository, listing, backup, signer };
}

function refused({ name, listing }: Candidate, problem: HoldfastError): HoldfastError {
  if (!isItsOwnProblem(problem)) return problem;
  const before = listing.backups[listing.backups.indexOf(name) + 1];
  const instead = before === undefined ? "" : `; the one before it is ${before.id}`;
  return new HoldfastError(problem.code, `${name.id} is not used: ${problem.message}`, {
    hint: `see what happened to it, and who can write to the store${instead}`,
    cause: problem,
  });
}
