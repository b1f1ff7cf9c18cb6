/** A folder for files that have to be whole before they can go on. It never takes the last room of its disk. */
import { mkdir, mkdtemp, readdir, rm, stat, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { HoldfastError } from "../errors.ts";
import { now } from "./clock.ts";
import { ensureDirectory } from "./published-file.ts";
import { systemWords } from "./system-error.ts";

export interface Spool extends AsyncDisposable {
  /** A new, empty folder inside. Remove it with `remove`. */
  folder(): Promise<string>;
  remove(folder: string): Promise<void>;
  /** Throws "no-space" when `bytes` more would leave less than the reserve. */
  requireRoom(bytes: number): Promise<void>;
  /**
   * Removes what killed processes of this user left in the parent and nothing has been added to for `graceMs`. How many.
   */
  sweep(graceMs: number): Promise<number>;
}

/** Bytes that are left for everybody else. */
const RESERVE = 64 << 20;

const PREFIX = "holdfast-spool-";

/** In `parent`, by default where the system keeps temporary files; made when it is needed, for its owner alone. */
export function createSpool(parent: string = tmpdir()): Spool {
  let made: Promise<string> | undefined;
  const root = (): Promise<string> => (made ??= makeRoot(parent));
  let number = 0;
  return {
    async folder() {
      const path = join(await root(), String(number++));
      await mkdir(path);
      return path;
    },
    remove: (folder) => rm(folder, { recursive: true, force: true, maxRetries: 3 }),
    async requireRoom(bytes) {
      const { bavail, bsize } = await statfs(await root());
      const free = bavail * bsize;
      if (free - bytes >= RESERVE) return;
      throw new HoldfastError(
        "no-space",
        `cannot spool ${bytes} bytes in "${parent}": ${free} are free, and ${RESERVE} have to stay so`,
        { hint: "free some space there, or name another folder with spoolDir=" },
      );
    },
    async sweep(graceMs) {
      const own = made === undefined ? undefined : basename(await made);
      const names = await readdir(parent).catch(() => []); // it may not have been made yet
      const old = names.filter((name) => name.startsWith(PREFIX) && name !== own);
      let swept = 0;
      for (const name of old) swept += (await removeOld(join(parent, name), graceMs)) ? 1 : 0;
      return swept;
    },
    async [Symbol.asyncDispose]() {
      const path = await made?.catch(() => undefined);
      if (path !== undefined) await rm(path, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

async function makeRoot(parent: string): Promise<string> {
  try {
    await ensureDirectory(parent);
    return await mkdtemp(join(parent, PREFIX));
  } catch (cause) {
    const message = `cannot spool in "${parent}": ${systemWords(cause)}`;
    const hint = "name another folder with spoolDir=";
    throw new HoldfastError("store-misconfigured", message, { hint, cause });
  }
}

async function removeOld(path: string, graceMs: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || found.uid !== process.getuid?.()) return false;
  if (now().getTime() - found.mtimeMs < graceMs) return false;
  await rm(path, { recursive: true, force: true, maxRetries: 3 });
  return true;
}
