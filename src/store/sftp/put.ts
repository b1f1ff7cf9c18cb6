/** How an object becomes a file on a server: written out of sight, synced, and then given its name. */
import { randomName } from "../../io/random.ts";
import { StoreFailure } from "../failure.ts";
import { requireKey } from "../key.ts";
import { createGrace, createLastWait } from "../last-wait.ts";
import {
  call,
  close,
  folderOf,
  lstat,
  openFile,
  persistently,
  STATUS,
  statusOf,
  syncFolder,
  unlessMissing,
  unlink,
  within,
  type Remote,
} from "./remote.ts";
import type { SftpSession } from "./session.ts";
import { createUpload, type Upload } from "./upload.ts";
import type { ObjectInfo, PutOptions } from "../store.ts";

/** Store.put. The name is refused when it is taken, asked for or not: nothing is ever overwritten. */
export async function putRemote(
  remote: Remote,
  key: string,
  body: AsyncIterable<Uint8Array>,
  { signal }: PutOptions,
): Promise<ObjectInfo> {
  requireKey(key);
  signal.throwIfAborted();
  const doing = `write "${key}"`;
  const path = `${remote.incoming}/${randomName(16)}`;
  const upload = createUpload(remote, path, doing, signal);
  try {
    const size = await upload.write(body);
    signal.throwIfAborted();
    // from here on it is stopped only where the server is silent: who is told that it failed has to find nothing
    using grace = createGrace(signal);
    await publish(remote, path, key, doing, grace.signal);
    return { key, size, modifiedMs: undefined };
  } catch (error) {
    await discard(remote, path, upload);
    throw error;
  }
}

async function publish(
  remote: Remote,
  path: string,
  key: string,
  doing: string,
  signal: AbortSignal,
): Promise<void> {
  const target = `${remote.root}/${key}`;
  let attempts = 0;
  await persistently(remote, doing, signal, async (session) => {
    const isAgain = ++attempts > 1;
    try {
      await within(session, folderOf(target), () => giveName(session, path, target, key));
    } catch (error) {
      if (!isAgain || !(await isPublished(session, path, target))) throw error;
      await unlink(session, path);
    }
    await syncFolder(session, folderOf(target));
  });
}

/** Whether an attempt whose answer was lost had given the name. */
async function isPublished(session: SftpSession, path: string, target: string): Promise<boolean> {
  if ((await lstat(session, target)) === undefined) return false;
  if ((await lstat(session, path)) === undefined) return true;
  // two names of one file change together
  for (const mode of [0o400, 0o600]) {
    const changed = session.ask<true>((sftp, answer) =>
      sftp.chmod(path, mode, (error) => answer(error, true)),
    );
    // taken away just now, late: that is done after the name was given
    if ((await unlessMissing(changed)) === undefined) return true;
    if (((await lstat(session, target))?.mode ?? 0) % 0o1000 !== mode) return false;
  }
  return true;
}

/** How a file got its name: `linked` is refused by the server itself when the name is taken. */
type Naming = "linked" | "renamed";

async function giveName(
  session: SftpSession,
  path: string,
  target: string,
  key: string,
): Promise<Naming> {
  // some servers say yes to a link and make none: those that do make it refuse the second one
  if ((await isLinked(session, path, target)) && !(await isLinked(session, path, target))) {
    await unlink(session, path);
    return "linked";
  }
  if ((await lstat(session, target)) !== undefined) throw taken(key);
  // no links there; whatever else it was, the renaming fails for it too
  await rename(session, path, target, key);
  return "renamed";
}

/** Whether the server says that it made a link. */
async function isLinked(session: SftpSession, path: string, target: string): Promise<boolean> {
  try {
    await session.ask<void>((sftp, answer) =>
      sftp.ext_openssh_hardlink(path, target, (error) => answer(error, undefined)),
    );
    return true;
  } catch (error) {
    const status = statusOf(error);
    if (status === undefined || status === STATUS.missing) throw error;
    return false;
  }
}

/** The plain one of SFTP, which most servers refuse for a name that is taken. */
async function rename(
  session: SftpSession,
  path: string,
  target: string,
  key: string,
): Promise<void> {
  try {
    await session.ask<void>((sftp, answer) =>
      sftp.rename(path, target, (error) => answer(error, undefined)),
    );
  } catch (error) {
    // servers that let nothing be overwritten say "Failure" or "Permission denied"
    if (statusOf(error) !== undefined && (await lstat(session, target)) !== undefined)
      throw taken(key);
    throw error;
  }
}

function taken(key: string): StoreFailure {
  return new StoreFailure("object-exists", `cannot write "${key}": the name is taken`);
}

/** Nothing is left of a put that failed, unless the server is away: then `sweep` finds it later. */
async function discard(remote: Remote, path: string, upload: Upload): Promise<void> {
  using patience = createLastWait();
  const gone = persistently(remote, "tidy up", patience.signal, async (session) => {
    await upload.release();
    await unlink(session, path);
  });
  await gone.catch(() => {});
}

/** Whether names are given by links there; tried with an empty file, which is gone afterwards. */
export function canLink(remote: Remote, signal: AbortSignal): Promise<boolean> {
  const path = `${remote.incoming}/${randomName(16)}`;
  return call(remote, `write to "${remote.root}"`, signal, async (session) => {
    const handle = await within(session, remote.incoming, () => openFile(session, path, "create"));
    try {
      await close(session, handle);
      return (await giveName(session, path, `${path}-named`, path)) === "linked";
    } finally {
      await Promise.all([path, `${path}-named`].map((one) => unlink(session, one)));
    }
  });
}
