/** Files that may be lost without harm, as those of a cache: whole or not there, but never synced. */
import { closeSync, fstatSync, openSync, readdirSync, readSync, rmSync, statSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { ensureDirectory } from "./published-file.ts";
import { randomName } from "./random.ts";

/**
 * Blocking read of a file of exactly `size` bytes; undefined for any other, and for none. Blocking, since thousands of
 * very small files are read in a row.
 */
export function readLooseFile(path: string, size: number): Uint8Array | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, "r");
    if (fstatSync(fd).size !== size) return undefined;
    const bytes = new Uint8Array(size);
    return readSync(fd, bytes, 0, size, 0) === size ? bytes : undefined;
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Writes a file, and the folders that it needs; for this user only. Whether that worked. */
export async function writeLooseFile(path: string, bytes: Uint8Array): Promise<boolean> {
  const temporary = `${path}.${randomName(12)}.part`;
  try {
    await ensureDirectory(dirname(path));
    await writeFile(temporary, bytes, { mode: 0o600, flag: "wx" });
    await rename(temporary, path);
    return true;
  } catch {
    removeLooseFile(temporary);
    return false;
  }
}

/** Whether there is such a folder. */
export function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** Names in a folder; none where there is no such folder. */
export function looseFiles(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** Fine when it is not there, or stays. */
export function removeLooseFile(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Who writes it next says whether that is possible.
  }
}
