/** A folder for files that have to be whole before they can go on. It never takes the last room of its disk. */
import { mkdir, mkdtemp, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HoldfastError } from "../errors.ts";

export interface Spool extends AsyncDisposable {
  /** A new, empty folder inside. Remove it with `remove`. */
  folder(): Promise<string>;
  remove(folder: string): Promise<void>;
  /** Throws "no-space" when `bytes` more would leave less than the reserve. */
  requireRoom(bytes: number): Promise<void>;
}

/** Bytes that are left for everybody else. */
const RESERVE = 64 << 20;

/** In `parent`, by default where the system keeps temporary files; made when it is needed, for its owner alone. */
export function createSpool(parent: string = tmpdir()): Spool {
  let made: Promise<string> | undefined;
  const root = (): Promise<string> =>
    (made ??= mkdir(parent, { recursive: true }).then(() => mkdtemp(join(parent, "holdfast-"))));
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
    async [Symbol.asyncDispose]() {
      const path = await made?.catch(() => undefined);
      if (path !== undefined) await rm(path, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}
