/** A folder on a server, and calls to it: over a session that is opened again when it broke, with failures as sentences. */
import type { Stats } from "ssh2";
import { unlessAborted } from "../../io/patience.ts";
import { StoreFailure } from "../failure.ts";
import { retry } from "../retry.ts";
import type { SftpSession } from "./session.ts";
import type { DriverTools } from "../store.ts";

export interface Remote extends DriverTools {
  readonly url: string;
  /** Absolute. */
  readonly root: string;
  /** Where objects wait for their names. No key begins with a dot. */
  readonly incoming: string;
  /** The session that is open, or a new one. */
  session(signal: AbortSignal): Promise<SftpSession>;
}

/** SSH_FX_… of draft-ietf-secsh-filexfer-02, the version that servers speak. */
export const STATUS = { end: 1, missing: 2, denied: 3, failure: 4, unsupported: 8 } as const;

/**
 * How a file is opened (SSH_FXF_… of the same draft). A new one is not cut short when it is there already: a request
 * whose answer was lost may be carried out late.
 */
const OPEN = { read: 1, change: 3, create: 11 } as const;

/** How often a folder is made again that somebody else has just removed because it was empty. */
const FOLDER_ATTEMPTS = 10;

/** The server's status in an error of a session; undefined for any other error. */
export function statusOf(error: unknown): number | undefined {
  const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
  return typeof code === "number" ? code : undefined;
}

/** Work in a session; its failure as a sentence. `doing` is as in `cannot write "KEY"`. */
export async function call<T>(
  remote: Remote,
  doing: string,
  signal: AbortSignal,
  work: (session: SftpSession) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const session = await remote.session(signal);
  try {
    return await unlessAborted(work(session), signal);
  } catch (error) {
    signal.throwIfAborted();
    throw await explain(remote, session, `cannot ${doing}`, error);
  }
}

/** As `call`, and tried again, in a new session if need be. What was done already must not hurt the next attempt. */
export function persistently<T>(
  remote: Remote,
  doing: string,
  signal: AbortSignal,
  work: (session: SftpSession, moved: () => void) => Promise<T>,
  stallMs = remote.persistence.stallMs,
): Promise<T> {
  const { url, log } = remote;
  const persistence = { ...remote.persistence, stallMs };
  return retry({ what: `${doing} in ${url}`, signal, persistence, log }, (attempt) =>
    call(remote, doing, attempt.signal, (session) => work(session, attempt.moved)),
  );
}

/** Servers say "Failure" to almost everything: the file system is asked what it may mean. */
async function explain(
  remote: Remote,
  session: SftpSession,
  what: string,
  error: unknown,
): Promise<unknown> {
  const status = statusOf(error);
  if (status === undefined) return error;
  const failure = (
    code: ConstructorParameters<typeof StoreFailure>[0],
    why: string,
    hint: string,
  ): StoreFailure => new StoreFailure(code, `${what}: ${why}`, { hint, cause: error });
  if (status === STATUS.denied)
    return failure(
      "store-refused",
      `permission denied in "${remote.root}"`,
      "give this user the right to read, write, rename, delete and list in the folder",
    );
  if (status === STATUS.missing)
    return failure(
      "store-not-there",
      `something in "${remote.root}" went away in between`,
      "see whether it is still mounted on the server",
    );
  if (status !== STATUS.failure)
    return failure(
      "store-wrong-answer",
      `the server answers with status ${status}`,
      "see the server's log",
    );
  const space = await spaceOf(session, remote.root).catch(() => undefined);
  if (space?.isReadOnly === true)
    return failure("store-read-only", "read-only file system", "mount it for writing there");
  if (space?.isFull === true)
    return failure("store-full", "no space left on the server", "free some space there");
  return failure(
    "store-refused",
    'the server says only "Failure"',
    "see the server's log, and whether a quota is used up",
  );
}

interface Space {
  readonly isReadOnly: boolean;
  readonly isFull: boolean;
}

/** What a block that is written at once may need. */
const ROOM_BYTES = 1 << 20;
const READ_ONLY = 1;

/** Of the file system that holds a folder, which may be missing yet. */
async function spaceOf(session: SftpSession, path: string): Promise<Space> {
  try {
    const found = await session.ask<Record<string, number>>((sftp, answer) =>
      sftp.ext_openssh_statvfs(path, answer),
    );
    const { f_frsize = 0, f_bavail = Infinity, f_favail = Infinity, f_flag = 0 } = found;
    return {
      isReadOnly: (Number(f_flag) & READ_ONLY) !== 0,
      isFull: Number(f_bavail) * Number(f_frsize) < ROOM_BYTES || Number(f_favail) === 0,
    };
  } catch (error) {
    if (statusOf(error) !== STATUS.missing || path === "/") throw error;
    return spaceOf(session, folderOf(path));
  }
}

/** The folder around a path. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf("/")));
}

/** Links are not followed. undefined when there is nothing. */
export function lstat(session: SftpSession, path: string): Promise<Stats | undefined> {
  return unlessMissing(session.ask<Stats>((sftp, answer) => sftp.lstat(path, answer)));
}

/** undefined for what is not there. */
export async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (statusOf(error) === STATUS.missing) return undefined;
    throw error;
  }
}

/** Whether there was one. */
export async function unlink(session: SftpSession, path: string): Promise<boolean> {
  const gone = session.ask<true>((sftp, answer) =>
    sftp.unlink(path, (error) => answer(error, true)),
  );
  return (await unlessMissing(gone)) ?? false;
}

/** Does `work` in a folder that is made if it is missing. Whoever removes empty folders at the same time is no harm. */
export async function within<T>(
  session: SftpSession,
  folder: string,
  work: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === FOLDER_ATTEMPTS || statusOf(error) !== STATUS.missing) throw error;
    }
    await makeFolder(session, folder);
  }
}

/** Makes it and those around it. What somebody else removes meanwhile is still missing afterwards. */
async function makeFolder(session: SftpSession, path: string, attempt = 1): Promise<void> {
  if (await isFolder(session, path)) return;
  const around = folderOf(path);
  await makeFolder(session, around);
  try {
    await session.ask<void>((sftp, answer) =>
      sftp.mkdir(path, { mode: 0o700 }, (error) => answer(error, undefined)),
    );
  } catch (error) {
    const status = statusOf(error);
    if (status === STATUS.missing) return;
    if (status === undefined || status === STATUS.denied || attempt === FOLDER_ATTEMPTS)
      throw error;
    // somebody else may have made it, and even removed it again
    return makeFolder(session, path, attempt + 1);
  }
  await syncFolder(session, around);
}

async function isFolder(session: SftpSession, path: string): Promise<boolean> {
  const found = await unlessMissing(session.ask<Stats>((sftp, answer) => sftp.stat(path, answer)));
  if (found === undefined || found.isDirectory()) return found !== undefined;
  throw new StoreFailure("object-key", `"${path}" is no folder, where a folder has to be`, {
    hint: "a file lies where a folder has to be: look at what is there",
  });
}

/** Makes the names in a folder durable, where the server opens folders as files, as OpenSSH does. */
export async function syncFolder(session: SftpSession, path: string): Promise<void> {
  try {
    const handle = await openFile(session, path, "read");
    await sync(session, handle).finally(() => close(session, handle));
  } catch (error) {
    if (statusOf(error) === undefined) throw error;
  }
}

/** Opens a file. Only `create` makes one that is not there, for its owner alone. */
export function openFile(
  session: SftpSession,
  path: string,
  to: keyof typeof OPEN,
): Promise<Buffer> {
  return session.ask<Buffer>((sftp, answer) => sftp.open(path, OPEN[to], { mode: 0o600 }, answer));
}

/** What was written is on the server's disk, where the server can say so. */
export async function sync(session: SftpSession, handle: Buffer): Promise<void> {
  try {
    await session.ask<unknown>((sftp, answer) => sftp.ext_openssh_fsync(handle, answer));
  } catch (error) {
    if (statusOf(error) !== STATUS.unsupported) throw error;
  }
}

/** Closes a handle; a failure comes through. */
export function close(session: SftpSession, handle: Buffer): Promise<void> {
  return session.ask<void>((sftp, answer) =>
    sftp.close(handle, (error) => answer(error, undefined)),
  );
}
