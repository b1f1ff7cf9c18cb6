/**
 * Objects as files below a folder: a local disk, NFS, anything that is mounted. An object is written into a hidden
 * folder beside the others, synced, and given its name by link(2), which the system refuses when the name is taken.
 */
import { dirname, join } from "node:path";
import { now } from "../../io/clock.ts";
import { unlessAborted } from "../../io/patience.ts";
import { removeEmptyAbove } from "../../io/published-file.ts";
import {
  openStoredFile,
  readFolder,
  removeStoredFile,
  statStoredFile,
  type OpenFile,
} from "../../io/stored-file.ts";
import { StoreFailure } from "../failure.ts";
import { explainFileError } from "./failure.ts";
import { call, objectFolder, syncRemoval, tidy, type Folder } from "./folder.ts";
import { listFiles } from "./list.ts";
import { canLink, putFile } from "./put.ts";
import { requireKey } from "../key.ts";
import type { Capabilities, Driver, GetOptions, ObjectInfo, Waiting } from "../store.ts";

/** Bytes read at once. */
const PIECE = 512 << 10;

/** `file:///absolute/path`, or the path alone. Folders that are missing are made with the first object. */
export const fileDriver: Driver = async ({ url, path }, { persistence }) => {
  const folder = objectFolder(path, persistence.noProgressMs);
  let capabilities: Promise<Capabilities> | undefined;
  const forgotten = (error: unknown): never => {
    capabilities = undefined;
    throw error;
  };
  return {
    url,
    capabilities: ({ signal }) =>
      unlessAborted((capabilities ??= probe(folder).catch(forgotten)), signal),
    put: (key, body, options) => putFile(folder, key, body, options),
    get: (key, options) => getFile(folder, key, options),
    stat: (key, options) => statFile(folder, key, options),
    list: (prefix, options) => listFiles(folder, prefix, options),
    delete: (key, options) => deleteFile(folder, key, options),
    sweep: (graceMs, options) => sweepIncoming(folder, graceMs, options),
    [Symbol.asyncDispose]: () => tidy(folder),
  };
};

/** A place that cannot be written to refuses nothing by itself. */
async function probe(folder: Folder): Promise<Capabilities> {
  const conditionalPut = await canLink(folder).catch((error: unknown) => {
    const explained = explainFileError(`cannot write to "${folder.root}"`, error);
    const code = explained instanceof StoreFailure ? explained.code : undefined;
    if (code === "store-read-only" || code === "store-refused") return false;
    throw explained;
  });
  return { conditionalPut, objectLock: false, versioning: false };
}

async function* getFile(
  folder: Folder,
  key: string,
  { offset = 0, length = Infinity, signal }: GetOptions,
): AsyncIterable<Uint8Array> {
  requireKey(key);
  const doing = `read "${key}"`;
  await using file = await openObject(folder, key, signal);
  if (file === undefined)
    throw new StoreFailure("object-missing", `cannot ${doing}: there is none`);
  const end = Math.min(file.size, offset + length);
  for (let at = offset; at < end;) {
    const wanted = Math.min(PIECE, end - at);
    const bytes = await call(folder, doing, signal, () => file.read(at, wanted));
    if (bytes.length < wanted) throw brokeOff(key, at + bytes.length, file.size);
    yield bytes;
    at += bytes.length;
  }
  signal.throwIfAborted();
}

async function openObject(
  folder: Folder,
  key: string,
  signal: AbortSignal,
): Promise<OpenFile | undefined> {
  signal.throwIfAborted();
  const opening = openStoredFile(pathOf(folder, key));
  try {
    return await call(folder, `read "${key}"`, signal, () => opening);
  } catch (error) {
    // it may still open, and nobody else would close it
    void opening.then((file) => file?.[Symbol.asyncDispose]()).catch(() => {});
    throw error;
  }
}

function brokeOff(key: string, at: number, size: number): StoreFailure {
  return new StoreFailure(
    "store-wrong-answer",
    `cannot read "${key}": it ends after ${at} of ${size} bytes; somebody changed it meanwhile`,
  );
}

async function statFile(
  folder: Folder,
  key: string,
  { signal }: Waiting,
): Promise<ObjectInfo | undefined> {
  requireKey(key);
  const path = pathOf(folder, key);
  const found = await call(folder, `look at "${key}"`, signal, () => statStoredFile(path));
  return found && { key, ...found };
}

/** Folders that are empty afterwards go too. */
async function deleteFile(folder: Folder, key: string, { signal }: Waiting): Promise<void> {
  requireKey(key);
  const path = pathOf(folder, key);
  await call(folder, `delete "${key}"`, signal, async () => {
    if (!(await removeStoredFile(path))) return;
    // what is deleted first must not come back after a power cut
    await syncRemoval(folder, dirname(path));
    await removeEmptyAbove(dirname(path), folder.root);
  });
}

async function sweepIncoming(
  folder: Folder,
  graceMs: number,
  { signal }: Waiting,
): Promise<number> {
  const { incoming } = folder;
  const doing = `sweep "${incoming}"`;
  const entries = await call(folder, doing, signal, () => readFolder(incoming));
  let swept = 0;
  for (const { name } of entries.filter(({ kind }) => kind === "file")) {
    const path = join(incoming, name);
    await call(folder, doing, signal, async () => {
      const found = await statStoredFile(path);
      // the system counts in finer steps than clocks are read in
      const ageMs = now().getTime() - Math.floor(found?.modifiedMs ?? Infinity);
      const isOld = ageMs >= graceMs;
      if (isOld && (await removeStoredFile(path))) swept++;
    });
  }
  return swept;
}

function pathOf(folder: Folder, key: string): string {
  return join(folder.root, key);
}
