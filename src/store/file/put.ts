/** How an object becomes a file: written out of sight, synced, and then given its name. */
import { dirname, join } from "node:path";
import { abortable } from "../../io/abortable.ts";
import { createFile, type OutputFile } from "../../io/durable-file.ts";
import { unlessAborted } from "../../io/patience.ts";
import { publishFile } from "../../io/published-file.ts";
import { randomName } from "../../io/random.ts";
import { removeStoredFile, statStoredFile } from "../../io/stored-file.ts";
import { StoreFailure } from "../failure.ts";
import { call, syncNames, within, type Folder } from "./folder.ts";
import { requireKey } from "../key.ts";
import { createLastWait } from "../last-wait.ts";
import type { ObjectInfo, PutOptions } from "../store.ts";

/** Store.put. The name is refused when it is taken, asked for or not: nothing is ever overwritten. */
export async function putFile(
  folder: Folder,
  key: string,
  body: AsyncIterable<Uint8Array>,
  { signal }: PutOptions,
): Promise<ObjectInfo> {
  requireKey(key);
  signal.throwIfAborted();
  const doing = `write "${key}"`;
  const opening = createIncoming(folder);
  try {
    const file = await call(folder, doing, signal, () => opening);
    const size = await writeBody(folder, doing, file, body, signal);
    await call(folder, doing, signal, () => file.sync());
    // what a network file system has to say at the end, it says when the file is closed
    await call(folder, doing, signal, async () => file[Symbol.asyncDispose]());
    // from here on it is not stopped any more: who is told that it failed has to find nothing
    await call(folder, doing, NEVER, () => publish(folder, file.path, join(folder.root, key)));
    return { key, size, modifiedMs: undefined };
  } catch (error) {
    await discard(opening);
    throw error;
  }
}

const NEVER = new AbortController().signal;

function createIncoming(folder: Folder): Promise<OutputFile> {
  const { incoming } = folder;
  return within(folder, incoming, () => createFile(join(incoming, randomName(16))));
}

async function writeBody(
  folder: Folder,
  doing: string,
  file: OutputFile,
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<number> {
  let size = 0;
  for await (const bytes of abortable(body, signal)) {
    await call(folder, doing, signal, () => file.write(bytes, size));
    size += bytes.length;
  }
  return size;
}

async function publish(folder: Folder, from: string, to: string): Promise<void> {
  const around = dirname(to);
  // below a mount that went away no folder is to be made
  if ((await statStoredFile(from)) === undefined) throw vanished(folder);
  await within(folder, around, () => publishFile(from, to));
  try {
    await syncNames(folder, around);
  } catch (error) {
    await removeStoredFile(to).catch(() => {});
    throw error;
  }
}

function vanished({ root }: Folder): StoreFailure {
  return new StoreFailure(
    "store-not-there",
    `what was written to "${root}" is not there any more`,
    {
      hint: "see whether it is still mounted, and whether somebody else sweeps there",
    },
  );
}

/** Nothing is left of a put that failed, unless the file system hangs: then `sweep` finds it later. */
async function discard(opening: Promise<OutputFile>): Promise<void> {
  using patience = createLastWait();
  const gone = opening.then(async (file) => {
    try {
      await file[Symbol.asyncDispose]();
    } finally {
      await removeStoredFile(file.path);
    }
  });
  await unlessAborted(gone, patience.signal).catch(() => {});
}

/** Whether names are given by links here; tried with an empty file, which is gone afterwards. */
export async function canLink(folder: Folder): Promise<boolean> {
  const opening = createIncoming(folder);
  const { path } = await opening;
  try {
    return (await publishFile(path, `${path}-named`)) === "linked";
  } finally {
    await removeStoredFile(`${path}-named`);
    await discard(opening);
  }
}
