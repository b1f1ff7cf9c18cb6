import { HoldfastError } from "../../errors.ts";
import { createPatience } from "../../io/patience.ts";
import type { Repository } from "../../repository/repository.ts";
import type { Context } from "../context.ts";
import { openRepositoryAt, type OpenFlags, type RepositorySettings } from "../flags/repository.ts";

/** Several repositories for one backup. */
export interface OpenRepositories extends AsyncDisposable {
  readonly repositories: readonly Repository[];
  /** URLs of those that could not be opened. */
  readonly missing: readonly string[];
}

/**
 * As `openRepositories`, for what is written: one that is the same place as another before it counts as one that cannot
 * be used.
 */
export async function openDifferentRepositories(
  settings: RepositorySettings,
  context: Context,
  open: OpenFlags,
): Promise<OpenRepositories> {
  await using stack = new AsyncDisposableStack();
  const opened = stack.use(await openRepositories(settings, context, open));
  const { isSamePlace, samePlace } = await import("../../repository/same-place.ts");
  const { cluster, required } = settings;
  const different: Repository[] = [];
  const failed: Failed[] = [];
  for (const one of opened.repositories) {
    let before: Repository | undefined;
    for (const other of different)
      if (await isSamePlace(other, one, { cluster, signal: context.signal })) before = other;
    if (before === undefined) different.push(one);
    else failed.push({ url: one.store.url, cause: samePlace(before, one) });
  }
  const [first] = failed;
  if (first !== undefined && different.length < required) throw first.cause;
  for (const { url, cause } of failed) context.log.warn(`${url} is left out: ${cause.message}`);
  const kept = stack.move();
  return {
    repositories: different,
    missing: opened.missing,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** How long the others may still take when enough have answered: as long as the members of a cluster may. */
const STRAGGLERS_MS = 30_000;

/**
 * Opens all repositories at once. One that cannot be opened, or not soon after enough others, is told and left out; where
 * fewer than required remain, "too-few-stores", or the failure itself where there is only one.
 */
export async function openRepositories(
  { urls, required }: RepositorySettings,
  context: Context,
  open: OpenFlags,
  stragglersMs = STRAGGLERS_MS,
): Promise<OpenRepositories> {
  await using opened = new AsyncDisposableStack();
  using patience = createPatience(stragglersMs, context.signal, () => tooLate(stragglersMs));
  let answered = 0;
  const outcomes = await Promise.allSettled(
    urls.map(async (url) => {
      const repository = await openRepositoryAt(url, { ...context, signal: patience.signal }, open);
      if (++answered === required) patience.start();
      return opened.use(repository);
    }),
  );
  context.signal.throwIfAborted();
  const failed = outcomes.flatMap((outcome, at) =>
    outcome.status === "rejected" ? [{ url: urls[at]!, cause: outcome.reason as Error }] : [],
  );
  if (urls.length - failed.length < required) throw tooFew(failed, urls.length, required);
  for (const { url, cause } of failed) context.log.warn(`${url} is left out: ${cause.message}`);
  const kept = opened.move();
  return {
    repositories: outcomes.flatMap((one) => (one.status === "fulfilled" ? [one.value] : [])),
    missing: failed.map(({ url }) => url),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

function tooLate(stragglersMs: number): HoldfastError {
  const message = `no answer ${stragglersMs / 1000} s after enough others`;
  return new HoldfastError("store-unreachable", message);
}

interface Failed {
  readonly url: string;
  readonly cause: Error;
}

function tooFew(failed: readonly Failed[], total: number, required: number): Error {
  const [first] = failed;
  if (total === 1) return first!.cause;
  const reasons = failed.map(({ url, cause }) => `${url}: ${cause.message}`);
  return new HoldfastError(
    "too-few-stores",
    `${total - failed.length} of ${total} repositories can be used, ${required} required: ${reasons.join("; ")}`,
    { hint: "see to these stores, or ask for fewer with --required", cause: first?.cause },
  );
}
