/** Names for finished files: given once, for good, and never taken from somebody else. */
import { link, lstat, mkdir, rename, rmdir, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";

/** How a file got its name: `linked` is refused by the system when the name is taken, `renamed` only by a look before. */
export type Published = "linked" | "renamed";

/** What link(2) answers where the file system has no links. */
const NO_LINKS = new Set(["EPERM", "EOPNOTSUPP", "ENOTSUP", "ENOSYS", "EMLINK"]);

/**
 * Moves a finished file to its final name on the same file system. Throws the system's EEXIST when that is taken; the
 * file is where it was then. Durable after a sync of the folder around it.
 */
export async function publishFile(from: string, to: string): Promise<Published> {
  try {
    await link(from, to);
  } catch (error) {
    if (errno(error) === "EEXIST" && (await isSameFile(from, to))) {
      // a network file system did it, and heard its own repetition refused
    } else if (NO_LINKS.has(errno(error))) {
      return publishByRename(from, to, error);
    } else throw error;
  }
  await unlink(from);
  return "linked";
}

async function publishByRename(from: string, to: string, cause: unknown): Promise<Published> {
  if ((await lstat(to).catch(() => undefined)) !== undefined)
    throw coded("EEXIST", "the name is taken", cause);
  await rename(from, to);
  return "renamed";
}

async function isSameFile(a: string, b: string): Promise<boolean> {
  const [one, other] = await Promise.all([lstat(a, { bigint: true }), lstat(b, { bigint: true })]);
  return one.dev === other.dev && one.ino === other.ino;
}

/**
 * Makes `path` and what is missing above it. Others may do the same at the same time; where they remove empty folders, it
 * may throw ENOENT and can be tried again. Returns the outermost folder that was missing, undefined when all was there.
 * Throws ENOTDIR when a file is in the way.
 */
export async function ensureDirectory(path: string, mode = 0o700): Promise<string | undefined> {
  return makeFolders(path, mode).catch(async (cause: unknown) => {
    // for a file in the way, and for a folder that was there at first and then was not
    if (!["EEXIST", "ENOTDIR"].includes(errno(cause))) throw cause;
    if (await isFileInTheWay(path))
      throw coded("ENOTDIR", "a file is where a folder has to be", cause);
    throw coded("ENOENT", "a folder was removed while it was made", cause);
  });
}

/**
 * As Node's `recursive`, which asks for ever where a file system refuses names with ENOENT in a folder that is there:
 * an automounter whose server is gone, /proc.
 */
async function makeFolders(path: string, mode: number): Promise<string | undefined> {
  try {
    return await makeFolder(path, mode);
  } catch (error) {
    if (errno(error) !== "ENOENT" || dirname(path) === path) throw error;
  }
  const outermost = await makeFolders(dirname(path), mode);
  const made = await makeFolder(path, mode);
  return outermost ?? made;
}

/** undefined when it is there already. */
async function makeFolder(path: string, mode: number): Promise<string | undefined> {
  try {
    await mkdir(path, { mode });
    return path;
  } catch (error) {
    const found = errno(error) === "ENOENT" ? undefined : await stat(path).catch(() => undefined);
    if (found?.isDirectory() === true) return undefined;
    throw error;
  }
}

async function isFileInTheWay(path: string): Promise<boolean> {
  for (const at of foldersUpTo(path, "/")) {
    const found = await stat(at).catch(() => undefined);
    if (found !== undefined) return !found.isDirectory();
  }
  return false;
}

function coded(code: string, message: string, cause: unknown): Error {
  return Object.assign(new Error(message, { cause }), { code });
}

/** `path` and the folders above it, up to and including `top`; innermost first. */
export function foldersUpTo(path: string, top: string): string[] {
  const folders = [path];
  for (let at = path; at !== top && at !== dirname(at); at = dirname(at)) folders.push(dirname(at));
  return folders;
}

/** Removes `path` and the folders above it as far as they are empty, never `top` itself nor anything above. */
export async function removeEmptyAbove(path: string, top: string): Promise<void> {
  for (let at = path; at !== top && at.startsWith(top); at = dirname(at)) {
    const error: unknown = await rmdir(at).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    if (error !== undefined && errno(error) !== "ENOENT") return;
  }
}

function errno(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "";
}
