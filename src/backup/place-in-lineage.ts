/** After which backup a new one comes, in all repositories that it goes to. */
import { HoldfastError } from "../errors.ts";
import type { Log } from "../io/log.ts";
import { compareNewestFirst } from "../policy/retention.ts";
import { listBackups, newestBackup, type LoadedBackup } from "../repository/catalog.ts";
import type { Manifest } from "../repository/manifest.ts";
import type { Repository } from "../repository/repository.ts";
import type { Trust } from "../repository/trust.ts";
import type { Waiting } from "../store/store.ts";

export interface NewestOptions extends Waiting {
  /** Without it every backup counts whose manifest can be read. */
  readonly trust: Trust | undefined;
  readonly log: Log;
}

/**
 * The newest backup of the cluster in any of the repositories; newer ones that do not count are told. Throws the problem
 * of the newest where there are backups and none counts: with a wrong file of allowed signers a new one would get a
 * place before all of them.
 */
export async function newestAmong(
  repositories: readonly Repository[],
  cluster: string,
  options: NewestOptions,
): Promise<LoadedBackup | undefined> {
  const found = await Promise.all(repositories.map((one) => newestIn(one, cluster, options)));
  const there = found.filter((one) => one !== undefined);
  return there.toSorted((a, b) => compareNewestFirst(a.name, b.name))[0];
}

async function newestIn(
  repository: Repository,
  cluster: string,
  options: NewestOptions,
): Promise<LoadedBackup | undefined> {
  const listing = await listBackups(repository, cluster, options);
  const { backup, passedOver } = await newestBackup(repository, listing, options);
  const [first] = passedOver;
  if (backup === undefined && first?.problem !== undefined) throw noneCounts(first.problem);
  for (const { name, problem } of passedOver)
    options.log.warn(`${name.id} in ${repository.store.url} does not count: ${problem?.message}`);
  return backup;
}

function noneCounts(problem: HoldfastError): HoldfastError {
  return new HoldfastError(problem.code, `no backup that is there counts: ${problem.message}`, {
    hint: "correct --allowed-signers, or begin anew with another --cluster name",
    cause: problem,
  });
}

/** What a manifest says of the one before it. */
export function previousOf(newest: LoadedBackup | undefined): Manifest["previous"] {
  return newest === undefined ? null : { id: newest.manifest.id, sha256: newest.sha256 };
}
