/** Regular files below a folder: looked at, read in pieces, found. Links are never followed to them. */
import { constants } from "node:fs";
import { lstat, open, readdir, unlink, type FileHandle } from "node:fs/promises";

export interface StoredFile {
  readonly size: number;
  readonly modifiedMs: number;
}

/** A file that is open for reading at any place. */
export interface OpenFile extends StoredFile, AsyncDisposable {
  /** In new memory; shorter only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** undefined when there is no regular file of this name. Other errors of the system come as they are. */
export async function statStoredFile(path: string): Promise<StoredFile | undefined> {
  const found = await lstat(path).catch(absent);
  return found?.isFile() === true ? { size: found.size, modifiedMs: found.mtimeMs } : undefined;
}

/** As `statStoredFile`, and open. */
export async function openStoredFile(path: string): Promise<OpenFile | undefined> {
  // not to hang on a pipe, and not to follow a link
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(path, flags).catch(absent);
  if (handle === undefined) return undefined;
  const found = await handle.stat();
  if (!found.isFile()) {
    await handle.close();
    return undefined;
  }
  return {
    size: found.size,
    modifiedMs: found.mtimeMs,
    read: (offset, length) => readFully(handle, offset, length),
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

async function readFully(handle: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

/** Whether there was one. */
export async function removeStoredFile(path: string): Promise<boolean> {
  return (await unlink(path).then(() => true, absent)) ?? false;
}

/** A name in a folder. */
export interface FolderEntry {
  readonly name: string;
  readonly kind: "file" | "folder";
}

/** Regular files and folders in `path`, in no order; none when there is no such folder. */
export async function readFolder(path: string): Promise<FolderEntry[]> {
  const entries = (await readdir(path, { withFileTypes: true }).catch(absent)) ?? [];
  return entries
    .filter((entry) => entry.isFile() || entry.isDirectory())
    .map((entry) => ({ name: entry.name, kind: entry.isFile() ? "file" : "folder" }));
}

/** What says that no such file is there: nothing, a file where a folder had to be, a link, a folder. */
const ABSENT = new Set(["ENOENT", "ENOTDIR", "ELOOP", "EISDIR", "ENXIO"]);

function absent(error: unknown): undefined {
  if (ABSENT.has((error as NodeJS.ErrnoException).code ?? "")) return undefined;
  throw error;
}
