/** Flags that commands about repositories share, and their variables. A flag counts more than its variable. */
import { InvalidArgumentError, Option, type Command } from "commander";
import { HoldfastError } from "../../errors.ts";
import { isClusterName, MARKER_KEY, requireClusterName } from "../../repository/layout.ts";
import type { Repository } from "../../repository/repository.ts";
import type { Limits } from "../../store/limited.ts";
import type { Store } from "../../store/store.ts";
import type { Context } from "../context.ts";

const NO_REPOSITORIES: readonly string[] = [];

/** `--repo` and `--cluster`. */
export function addRepositoryFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--repo <url>",
        "the repository: a folder, or a URL of a store; may be repeated (HOLDFAST_REPO, several with blanks between them)",
      )
        .argParser((url: string, before: readonly string[]) => [...before, url])
        .default(NO_REPOSITORIES, "none"),
    )
    .addOption(
      new Option("--cluster <name>", "the cluster's name in the repository (HOLDFAST_CLUSTER)")
        .argParser(clusterArgument)
        .default("default"),
    );
}

/** `--required`, for commands that write one backup into several repositories. */
export function addRequiredFlag(command: Command): Command {
  return command.addOption(
    new Option(
      "--required <n>",
      "how many of the repositories must hold the backup for success (default: all)",
    ).argParser(parseCount),
  );
}

/** `--yes`. */
export function addConsentFlag(command: Command): Command {
  return command.option("--yes", "do it without asking", false);
}

function clusterArgument(name: string): string {
  if (isClusterName(name)) return name;
  throw new InvalidArgumentError("It is no name of a cluster.");
}

/** A number from 1 on. */
export function parseCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It is no number from 1 on.");
}

export interface RepositorySettings {
  /** At least one. */
  readonly urls: readonly string[];
  readonly cluster: string;
  /** How many of them must hold a backup. */
  readonly required: number;
}

/** What the flags of a parsed command line and the environment say. Throws "usage". */
export function repositorySettings(command: Command, { env }: Context): RepositorySettings {
  const flags = command.opts<{ repo: readonly string[]; cluster: string; required?: number }>();
  const fromEnv = (env["HOLDFAST_REPO"] ?? "").split(/\s+/).filter((url) => url !== "");
  const urls = [...new Set(flags.repo.length > 0 ? flags.repo : fromEnv)];
  if (urls.length === 0)
    throw new HoldfastError("usage", "there is no repository to work with", {
      hint: "give --repo URL, or set HOLDFAST_REPO",
    });
  const named = command.getOptionValueSource("cluster") === "cli" ? "" : env["HOLDFAST_CLUSTER"];
  const { required = urls.length } = flags;
  if (required > urls.length)
    throw new HoldfastError(
      "usage",
      `--required ${required} of ${urls.length} ${urls.length === 1 ? "repository" : "repositories"}`,
    );
  return { urls, cluster: named ? requireClusterName(named) : flags.cluster, required };
}

/** How the stores of a command are opened. */
export interface OpenFlags {
  /** Made once for all of them. */
  readonly limits?: Limits;
}

/** Opens the store of a URL, with the credentials that the environment has for it; a repository may come into it. */
export async function openStoreAt(
  url: string,
  { env, log, signal }: Context,
  { limits = {} }: OpenFlags = {},
): Promise<Store> {
  const { openStore } = await import("../../store/open.ts");
  return openStore(url, { env, log, signal, limits });
}

/**
 * Opens a repository; disposing of it closes its store. Throws "store-not-there" for a store that holds none, and later
 * when a disk is unmounted in the middle.
 */
export async function openRepositoryAt(
  url: string,
  context: Context,
  { limits = {} }: OpenFlags = {},
): Promise<Repository> {
  const { env, log, signal } = context;
  const { openStore } = await import("../../store/open.ts");
  const { openRepository } = await import("../../repository/repository.ts");
  const store = await openStore(url, { env, log, signal, limits, marker: MARKER_KEY });
  try {
    return await openRepository(store, context);
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
}

/** What came of several repositories. */
export interface Outcomes<R> {
  /** Of those where it went well, in the order of the command line. */
  readonly results: readonly R[];
  /** Throws what the first of the others failed with: when the results have been printed. */
  throwFailure(): void;
}

/**
 * Does something with each repository, one after the other. What one of several fails with is told, and does not keep
 * it from the others. Throws at once where there is only one.
 */
export async function eachRepository<R>(
  { urls }: Pick<RepositorySettings, "urls">,
  context: Context,
  work: (repository: Repository) => Promise<R>,
  open: OpenFlags = {},
): Promise<Outcomes<R>> {
  const results: R[] = [];
  const failures: unknown[] = [];
  for (const url of urls) {
    try {
      await using repository = await openRepositoryAt(url, context, open);
      results.push(await work(repository));
    } catch (error) {
      context.signal.throwIfAborted();
      if (urls.length === 1) throw error;
      failures.push(error);
      context.log.warn(`${url}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (results.length === 0) throw failures[0];
  const throwFailure = (): void => {
    if (failures.length > 0) throw failures[0];
  };
  return { results, throwFailure };
}
