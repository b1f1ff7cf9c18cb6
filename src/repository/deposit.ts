/**
 * A backup in the making, in one or several repositories at once. Nothing exists for anybody until `publish`; without it
 * nothing is left, as far as the stores allow: what cannot be removed now is swept as an orphan later.
 */
import { createHash } from "node:crypto";
import { HoldfastError } from "../errors.ts";
import type { Log } from "../io/log.ts";
import { createLastWait } from "../store/last-wait.ts";
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

export class Deposit implements AsyncDisposable {
  readonly #repositories: readonly Repository[];
  readonly #options: DepositOptions;
  readonly #failures = new Map<Repository, unknown>();
  readonly #published = new Set<Repository>();
  /** What may lie where, in the order in which it has to go again. */
  readonly #keys: ReadonlyMap<Repository, string[]>;

  /** @param repositories at least as many as are required */
  constructor(repositories: readonly Repository[], options: DepositOptions) {
    this.#repositories = repositories;
    this.#options = options;
    this.#keys = new Map(repositories.map((one) => [one, []]));
  }

  /**
   * Stores an object in all repositories that are left. One that fails is left behind; throws as `putToSeveral` when
   * fewer than required remain, and what `body` throws.
   */
  async put(
    role: string,
    key: string,
    body: AsyncIterable<Uint8Array>,
    sizeHint?: number,
  ): Promise<ManifestObject> {
    const open = this.#remaining();
    for (const one of open) this.#keys.get(one)!.push(key);
    const tally = createTally();
    const landings = await putToSeveral(
      open.map(({ store }) => store),
      key,
      tally.count(body),
      { ...this.#options, ifAbsent: true, ...(sizeHint !== undefined && { sizeHint }) },
    );
    for (const [at, { info, failure }] of landings.entries()) {
      if (info !== undefined) continue;
      this.#failures.set(open[at]!, failure);
      this.#keys.get(open[at]!)!.pop();
    }
    return { role, key, ...tally.total() };
  }

  /**
   * Publishes in all repositories that are left; one placement for each repository, in order. When it succeeds in fewer
   * than required, it throws, and where it did succeed the backup stays: it is whole.
   */
  async publish(signed: SignedManifest): Promise<readonly Placement[]> {
    await Promise.all(this.#remaining().map((one) => this.#publishIn(one, signed)));
    const { required, signal } = this.#options;
    if (this.#published.size < required) signal.throwIfAborted();
    requireEnough(this.#published, this.#failures, required);
    return this.#repositories.map((repository) => {
      return { repository, failure: this.#failures.get(repository) };
    });
  }

  async #publishIn(repository: Repository, signed: SignedManifest): Promise<void> {
    const key = manifestKey(signed.manifest);
    this.#keys.get(repository)!.unshift(key, signatureKey(key));
    try {
      await publish(repository, signed, this.#options);
      this.#published.add(repository);
    } catch (error) {
      this.#failures.set(repository, error);
    }
  }

  #remaining(): Repository[] {
    return this.#repositories.filter((one) => !this.#failures.has(one));
  }

  /** Takes away what was not published. */
  async [Symbol.asyncDispose](): Promise<void> {
    const left = [...this.#keys].filter(
      ([one, keys]) => keys.length > 0 && !this.#published.has(one),
    );
    await Promise.all(left.map(([{ store }, keys]) => removeAll(store, keys, this.#options.log)));
  }
}

/** The manifest's key is the first: while it stays, what it names has to stay as well. */
async function removeAll(store: Store, keys: readonly string[], log: Log): Promise<void> {
  try {
    using patience = createLastWait();
    for (const key of keys) {
      patience.start();
      await store.delete(key, patience);
    }
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
