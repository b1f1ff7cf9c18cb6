/**
 * A backup in the making, in one or several repositories at once. Nothing exists for anybody until `publish`; without it
 * nothing is left, as far as the stores allow: what cannot be removed now is swept as an orphan later.
 */
import { createHash } from "node:crypto";
import { HoldfastError } from "../errors.ts";
import type { Log } from "../io/log.ts";
import { createPatience } from "../io/patience.ts";
import { putToSeveral } from "../store/several.ts";
import type { Store, Waiting } from "../store/store.ts";
import { manifestKey, signatureKey } from "./layout.ts";
import type { ManifestObject } from "./manifest.ts";
import { publish, type SignedManifest } from "./publish.ts";
import type { Repository } from "./repository.ts";

export interface DepositOptions extends Waiting {
  /** In so many repositories the backup has to be in the end. */
  readonly required: number;
  readonly log: Log;
}

/** How it went with one repository. */
export interface Placement {
  readonly repository: Repository;
  /** Why the backup is not in it; undefined where it is. */
  readonly failure: unknown;
}

export interface Deposit extends AsyncDisposable {
  /**
   * Stores an object in all repositories that are left. One that fails is left behind; throws as `putToSeveral` when
   * fewer than required remain, and what `body` throws.
   */
  put(
    role: string,
    key: string,
    body: AsyncIterable<Uint8Array>,
    sizeHint?: number,
  ): Promise<ManifestObject>;
  /**
   * Publishes in all repositories that are left; in the order of the repositories. When it succeeds in fewer than
   * required, it throws, and where it did succeed the backup stays: it is whole.
   */
  publish(signed: SignedManifest): Promise<readonly Placement[]>;
}

/** How long the tidying after a failure may take. */
const TIDY_MS = 15_000;

/** @param repositories at least as many as are required */
export function openDeposit(repositories: readonly Repository[], options: DepositOptions): Deposit {
  const failures = new Map<Repository, unknown>();
  const published = new Set<Repository>();
  /** What may lie where, in the order in which it has to go again. */
  const kept = new Map<Repository, string[]>(repositories.map((one) => [one, []]));
  const remaining = (): Repository[] => repositories.filter((one) => !failures.has(one));
  return {
    async put(role, key, body, sizeHint) {
      const open = remaining();
      const tally = createTally();
      const more = { ifAbsent: true, ...(sizeHint !== undefined && { sizeHint }) };
      const stores = open.map(({ store }) => store);
      for (const one of open) kept.get(one)!.push(key);
      const landings = await putToSeveral(stores, key, tally.count(body), { ...options, ...more });
      for (const [at, { info, failure }] of landings.entries()) {
        if (info !== undefined) continue;
        failures.set(open[at]!, failure);
        kept.get(open[at]!)!.pop();
      }
      return { role, key, ...tally.total() };
    },
    async publish(signed) {
      const key = manifestKey(signed.manifest);
      const publishIn = async (repository: Repository): Promise<void> => {
        kept.get(repository)!.unshift(key, signatureKey(key));
        try {
          await publish(repository, signed, options);
          published.add(repository);
        } catch (error) {
          failures.set(repository, error);
        }
      };
      await Promise.all(remaining().map(publishIn));
      if (published.size < options.required) options.signal.throwIfAborted();
      requireEnough(published, failures, options.required);
      return repositories.map((repository) => ({ repository, failure: failures.get(repository) }));
    },
    async [Symbol.asyncDispose]() {
      using patience = createPatience(TIDY_MS, undefined, () => new Error("tidied long enough"));
      patience.start();
      const unfinished = [...kept].filter(([one, keys]) => keys.length > 0 && !published.has(one));
      await Promise.all(
        unfinished.map(([{ store }, keys]) => removeAll(store, keys, patience.signal, options.log)),
      );
    },
  };
}

/** The manifest's key is the first: while it stays, what it names has to stay as well. */
async function removeAll(
  store: Store,
  keys: readonly string[],
  signal: AbortSignal,
  log: Log,
): Promise<void> {
  try {
    for (const key of keys) await store.delete(key, { signal });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    log.warn(`something unfinished may be left in ${store.url} until it is pruned: ${why}`);
  }
}

interface Tally {
  count(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  total(): { readonly size: number; readonly sha256: string };
}

function createTally(): Tally {
  const hash = createHash("sha256");
  let size = 0;
  return {
    async *count(body) {
      for await (const piece of body) {
        hash.update(piece);
        size += piece.length;
        yield piece;
      }
    },
    total: () => ({ size, sha256: hash.digest("hex") }),
  };
}

function requireEnough(
  published: ReadonlySet<Repository>,
  failures: ReadonlyMap<Repository, unknown>,
  required: number,
): void {
  if (published.size >= required) return;
  const [first] = failures.values();
  const total = published.size + failures.size;
  if (total === 1) throw first;
  const reasons = [...failures].map(
    ([{ store }, failure]) =>
      `${store.url}: ${failure instanceof Error ? failure.message : String(failure)}`,
  );
  throw new HoldfastError(
    "too-few-stores",
    `the backup is in ${published.size} of ${total} repositories, ${required} required: ${reasons.join("; ")}`,
    {
      hint: "see to these stores, then bring them up to date with holdfast copy",
      cause: first,
    },
  );
}
