/** A folder that holds objects: its hidden corner, and calls to the system that end when they are told to. */
import { dirname, join } from "node:path";
import { leadsSomewhere, syncDirectory } from "../../io/directory.ts";
import { createPatience, unlessAborted } from "../../io/patience.ts";
import { ensureDirectory, foldersUpTo, removeEmptyAbove } from "../../io/published-file.ts";
import { explainFileError, isMissing } from "./failure.ts";
import { StoreFailure } from "../failure.ts";

export interface Folder {
  /** Absolute. */
  readonly root: string;
  /** Where objects wait for their names. No key begins with a dot. */
  readonly incoming: string;
  /** The longest time for a single call to the system. */
  readonly noProgressMs: number;
  /** The outermost folder that was missing and that we have made. */
  made: string | undefined;
  /** Folders whose own names are known to be on the disk. */
  readonly durable: Set<string>;
}

export function objectFolder(root: string, noProgressMs: number): Folder {
  return {
    root,
    incoming: join(root, ".incoming"),
    noProgressMs,
    made: undefined,
    durable: new Set(),
  };
}

/** How often a folder is made again that somebody else has just removed because it was empty. */
const FOLDER_ATTEMPTS = 100;

/**
 * A call to the system: its failure as a sentence, the signal's reason when that is aborted, "store-unreachable" when it
 * does not return: a mount whose server is away. `doing` is as in `cannot write "KEY"`.
 */
export async function call<T>(
  folder: Folder,
  doing: string,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const { noProgressMs, root } = folder;
  using patience = createPatience(noProgressMs, signal, () => hanging(doing, root, noProgressMs));
  patience.start();
  try {
    return await unlessAborted(work(), patience.signal);
  } catch (error) {
    patience.signal.throwIfAborted();
    throw explainFileError(`cannot ${doing}`, error);
  }
}

function hanging(doing: string, root: string, ms: number): StoreFailure {
  return new StoreFailure(
    "store-unreachable",
    `cannot ${doing}: the file system of "${root}" did not answer for ${ms / 1000} s`,
    { hint: "see whether it is mounted and its server is up" },
  );
}

/** Does `work` in a folder that is made if it is missing. Whoever removes empty folders at the same time is no harm. */
export async function within<T>(folder: Folder, path: string, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      const made = await ensureDirectory(path);
      folder.made ??= made;
      if (made !== undefined) folder.durable.clear();
      return await work();
    } catch (error) {
      if (!isMissing(error)) throw error;
      if (attempt === FOLDER_ATTEMPTS) throw await neverMade(folder, error);
    }
  }
}

/** Not "went away": what could not be made even once is no matter of mounting or sweeping. */
async function neverMade({ root, made }: Folder, cause: unknown): Promise<unknown> {
  if (made !== undefined || (await leadsSomewhere(root))) return cause;
  return new StoreFailure("store-misconfigured", `cannot make the folder "${root}"`, {
    hint: "check the path: a link in it leads to nothing, or this file system makes no folder of that name",
    cause,
  });
}

/** Makes the names in `path` durable, and its own, and those of the folders around it. */
export async function syncNames(folder: Folder, path: string): Promise<void> {
  const { root, made, durable } = folder;
  for (const at of foldersUpTo(path, made === undefined ? root : dirname(made))) {
    if (at !== path && durable.has(at)) continue;
    await syncDirectory(at);
    durable.add(at);
  }
}

/** Makes it durable that a name is gone from `path`, which somebody else may remove at the same time. */
export async function syncRemoval({ root }: Folder, path: string): Promise<void> {
  for (const at of foldersUpTo(path, root)) {
    try {
      return await syncDirectory(at);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
}

/** Takes back what was made only for objects that are not there (any more). */
export async function tidy({ incoming, root, made }: Folder): Promise<void> {
  await removeEmptyAbove(incoming, made === undefined ? root : dirname(made));
}
