/** Folders: made, synced, looked at, moved and removed. */
import {
  access,
  constants,
  lstat,
  mkdir,
  open,
  readFile,
  realpath,
  statfs,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { HoldfastError } from "../errors.ts";

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

/** Creates `path` and what is missing above it, all with `mode`. Returns what was created, outermost first. */
export async function createDirectories(path: string, mode = 0o700): Promise<string[]> {
  const missing: string[] = [];
  for (let at = path; !(await exists(at)); at = dirname(at)) missing.unshift(at);
  for (const directory of missing) await mkdir(directory, { mode });
  return missing;
}

/** Whether anything at all has this name, a dangling link included. */
export async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(absent)) !== undefined;
}

function absent(error: unknown): undefined {
  if (errno(error) === "ENOENT") return undefined;
  throw error;
}

/**
 * Whether a file system begins at this folder, so that it cannot be renamed. Bind mounts of one file system do not
 * differ in their device: the mount table is asked as well where there is one.
 */
export async function isMountPoint(path: string): Promise<boolean> {
  const real = await realpath(path);
  const [here, above] = [await lstat(real), await lstat(join(real, ".."))];
  if (here.dev !== above.dev || here.ino === above.ino) return true;
  const table = await readFile("/proc/self/mountinfo", "utf8").catch(() => "");
  return table.split("\n").some((line) => unescapeOctal(line.split(" ")[4] ?? "") === real);
}

/** The mount table writes blanks, tabs and backslashes in names as \040 and the like. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

/** Whether names can be made in this folder by this process. */
export async function isWritable(path: string): Promise<boolean> {
  return access(path, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Bytes that this process may still write to the file system of `path`. */
export async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

/** Refuses, before anything is written, what cannot fit into the file system of `path`. */
export async function requireSpace(path: string, needed: number): Promise<void> {
  const free = await freeBytes(path);
  if (free < needed)
    throw new HoldfastError(
      "no-space",
      `not enough space at "${path}": ${needed} bytes needed, ${free} free`,
      {
        hint: "free some space there, or choose another place",
      },
    );
}

function errno(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
