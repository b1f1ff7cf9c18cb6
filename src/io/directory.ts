/** Folders: made, synced, looked at, moved and removed. */
import {
  chmod,
  lchown,
  lstat,
  mkdir,
  open,
  readdir,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  statfs,
} from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { HoldfastError } from "../errors.ts";
import { randomName } from "./random.ts";
import { writeFailure } from "./system-error.ts";

/** Makes the names inside `path` durable. File systems that cannot sync a folder (EINVAL) are taken at their word. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } catch (error) {
    if (errno(error) !== "EINVAL") throw error;
  } finally {
    await handle.close();
  }
}

/** Syncs a folder and every folder in it, innermost first. */
export async function syncTree(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await syncTree(join(path, entry.name));
  }
  await syncDirectory(path);
}

/**
 * Creates `path` and what is missing above it, all with `mode` (before umask), all or none.
 * Returns what was created, outermost first.
 */
export async function createDirectories(path: string, mode = 0o700): Promise<string[]> {
  const missing: string[] = [];
  for (let at = path; !(await exists(at)); at = dirname(at)) missing.unshift(at);
  const made: string[] = [];
  try {
    for (const directory of missing) {
      await mkdir(directory, { mode });
      made.push(directory);
    }
  } catch (error) {
    await removeEmptyDirectories(made);
    throw writeFailure(`cannot create the folder "${missing[made.length]}"`, error);
  }
  return made;
}

/** Removes folders given outermost first, as far as they are empty; what is not stays. */
export async function removeEmptyDirectories(paths: readonly string[]): Promise<void> {
  for (const path of paths.toReversed()) {
    await rmdir(path).catch((error: unknown) => {
      if (!["ENOENT", "ENOTEMPTY", "EEXIST"].includes(errno(error) ?? "")) throw error;
    });
  }
}

/** Removes a folder with all that is in it; fine when it is not there. */
export async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}

/**
 * Gives a folder another name on its file system. The new name must be free, or that of an empty folder, which is
 * replaced in the same instant. Durable after a sync of the folder around it.
 */
export async function renameDirectory(from: string, to: string): Promise<void> {
  await rename(from, to).catch((error: unknown) => {
    throw writeFailure(`cannot rename "${from}" to "${to}"`, error);
  });
}

/** Whether anything at all has this name, a dangling link included. */
export async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(absent)) !== undefined;
}

/** Whether there is something at the end of this path, behind all links. */
export async function leadsSomewhere(path: string): Promise<boolean> {
  return (await stat(path).catch(absent)) !== undefined;
}

/** The names in a folder, sorted; undefined when there is none. */
export async function listDirectory(path: string): Promise<string[] | undefined> {
  return (await readdir(path).catch(absent))?.toSorted();
}

/** The path without links, of which the end need not exist yet. */
export async function canonicalPath(path: string): Promise<string> {
  const full = resolve(path);
  const real = await realpath(full).catch(absent);
  return real ?? join(await canonicalPath(dirname(full)), basename(full));
}

/** Whether a file system begins at this folder. */
export async function isMountPoint(path: string): Promise<boolean> {
  const real = await realpath(path);
  const [here, above] = [await lstat(real), await lstat(join(real, ".."))];
  return here.dev !== above.dev || here.ino === above.ino;
}

/**
 * Whether a folder made in `from` can be renamed into `into`: mounts (also those that bind a folder of the same file
 * system), quotas and permissions may forbid it. Tried with an empty one, which is gone afterwards.
 */
export async function canRename(from: string, into: string): Promise<boolean> {
  const name = `.holdfast-${randomName()}`;
  const [here, there] = [join(from, name), join(into, name)];
  try {
    await mkdir(here, { mode: 0o700 });
    await rename(here, there);
    return true;
  } catch {
    return false;
  } finally {
    for (const path of [here, there]) await rmdir(path).catch(() => {});
  }
}

/** Who owns a file or folder, and what may be done with it. */
export interface Ownership {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits. */
  readonly mode: number;
}

export async function ownershipOf(path: string): Promise<Ownership> {
  const { uid, gid, mode } = await stat(path);
  return { uid, gid, mode: mode & 0o7777 };
}

/**
 * Gives a folder with all that is in it to somebody, and the folder itself his mode. False where that is not permitted:
 * only root gives things away.
 */
export async function giveTree(path: string, { uid, gid, mode }: Ownership): Promise<boolean> {
  try {
    for (const name of await readdir(path, { recursive: true }))
      await lchown(join(path, name), uid, gid);
    await lchown(path, uid, gid);
    await chmod(path, mode);
    return true;
  } catch (error) {
    if (errno(error) === "EPERM") return false;
    throw error;
  }
}

/** Refuses, before anything is written, what cannot fit into the file system of `path`. */
export async function requireSpace(path: string, needed: number): Promise<void> {
  const { bavail, bsize, blocks } = await statfs(path).catch((error: unknown) => {
    throw writeFailure(`cannot write to "${path}"`, error);
  });
  // what has no size at all, as /proc, says by itself what is wrong with it
  if (blocks === 0) return;
  const free = bavail * bsize;
  if (free >= needed) return;
  throw new HoldfastError(
    "no-space",
    `not enough space at "${path}": ${needed} bytes needed, ${free} free`,
    { hint: "free some space there, or choose another place" },
  );
}

function absent(error: unknown): undefined {
  if (errno(error) === "ENOENT") return undefined;
  throw error;
}

function errno(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
