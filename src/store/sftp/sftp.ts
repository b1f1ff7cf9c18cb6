/**
 * Objects as files on an SSH server. An object is written into a hidden folder beside the others, synced, and given its
 * name by a hard link, which the server refuses when the name is taken.
 */
import { now } from "../../io/clock.ts";
import { abortable } from "../../io/abortable.ts";
import { unlessAborted } from "../../io/patience.ts";
import { StoreFailure } from "../failure.ts";
import { requireKey } from "../key.ts";
import { listRemote, readRemoteFolder } from "./list.ts";
import { canLink, putRemote } from "./put.ts";
import { readHandle } from "./read.ts";
import {
  call,
  close,
  folderOf,
  lstat,
  openFile,
  statusOf,
  syncFolder,
  unlessMissing,
  unlink,
  type Remote,
} from "./remote.ts";
import { openSession, type SftpSession } from "./session.ts";
import { sshLogin, type SshLogin } from "../ssh/login.ts";
import type { Capabilities, Driver, GetOptions, ObjectInfo, Waiting } from "../store.ts";

/** `sftp://user@host:port/absolute/path`. Folders that are missing are made with the first object. */
export const sftpDriver: Driver = async (location, tools) => {
  const { utils } = (await import("ssh2")).default;
  const login = await sshLogin(location, (data, passphrase) => utils.parseKey(data, passphrase));
  const sessions = keptSession(login, tools.persistence.stallMs);
  const root = `/${location.path}`;
  const incoming = `${root}/.incoming`;
  const remote: Remote = { ...tools, url: location.url, root, incoming, session: sessions.get };
  let capabilities: Capabilities | undefined;
  return {
    url: location.url,
    capabilities: async ({ signal }) => (capabilities ??= await probe(remote, signal)),
    put: (key, body, options) => putRemote(remote, key, body, options),
    get: (key, options) => getRemote(remote, key, options),
    stat: (key, options) => statRemote(remote, key, options),
    list: (prefix, options) => listRemote(remote, prefix, options),
    delete: (key, options) => deleteRemote(remote, key, options),
    sweep: (graceMs, options) => sweepRemote(remote, graceMs, options),
    [Symbol.asyncDispose]: async () => sessions.end(),
  };
};

interface KeptSession {
  get(signal: AbortSignal): Promise<SftpSession>;
  end(): void;
}

/** One session for all calls, opened when it is needed, and anew after it broke. */
function keptSession(login: SshLogin, stallMs: number): KeptSession {
  const ending = new AbortController();
  let opening: Promise<SftpSession> | undefined;
  let current: SftpSession | undefined;
  const open = async (): Promise<SftpSession> => {
    try {
      current = await openSession(login, stallMs, ending.signal);
      return current;
    } finally {
      opening = undefined;
    }
  };
  return {
    get(signal) {
      if (current?.isOpen === true) return Promise.resolve(current);
      opening ??= open();
      return unlessAborted(opening, signal);
    },
    end() {
      ending.abort(new StoreFailure("store-unreachable", "the store was closed"));
      current?.[Symbol.dispose]();
    },
  };
}

/** A place that cannot be written to refuses nothing by itself. */
async function probe(remote: Remote, signal: AbortSignal): Promise<Capabilities> {
  const conditionalPut = await canLink(remote, signal).catch((error: unknown) => {
    const code = error instanceof StoreFailure ? error.code : undefined;
    if (code === "store-read-only" || code === "store-refused") return false;
    throw error;
  });
  return { conditionalPut, objectLock: false, versioning: false };
}

async function* getRemote(
  remote: Remote,
  key: string,
  { offset = 0, length = Infinity, signal }: GetOptions,
): AsyncIterable<Uint8Array> {
  requireKey(key);
  const doing = `read "${key}"`;
  const path = `${remote.root}/${key}`;
  const { session, handle, size } = await call(remote, doing, signal, async (opened) => {
    const found = await lstat(opened, path);
    if (found?.isFile() !== true) throw missing(doing);
    const file = await unlessMissing(openFile(opened, path, "read"));
    if (file === undefined) throw missing(doing);
    // nobody waits for it any more
    if (signal.aborted) close(opened, file).catch(() => {});
    return { session: opened, handle: file, size: found.size };
  });
  const end = Math.min(size, offset + length);
  try {
    let at = offset;
    for await (const bytes of abortable(readHandle(session, handle, offset, end), signal)) {
      yield bytes;
      at += bytes.length;
    }
    if (at < end) throw brokeOff(key, at, size);
    signal.throwIfAborted();
  } catch (error) {
    if (statusOf(error) === undefined) throw error;
    throw await call(remote, doing, signal, () => Promise.reject(error as Error));
  } finally {
    close(session, handle).catch(() => {});
  }
}

function missing(doing: string): StoreFailure {
  return new StoreFailure("object-missing", `cannot ${doing}: there is none`);
}

function brokeOff(key: string, at: number, size: number): StoreFailure {
  return new StoreFailure(
    "store-wrong-answer",
    `cannot read "${key}": it ends after ${at} of ${size} bytes; somebody changed it meanwhile`,
  );
}

async function statRemote(
  remote: Remote,
  key: string,
  { signal }: Waiting,
): Promise<ObjectInfo | undefined> {
  requireKey(key);
  const found = await call(remote, `look at "${key}"`, signal, (session) =>
    lstat(session, `${remote.root}/${key}`),
  );
  if (found?.isFile() !== true) return undefined;
  return { key, size: found.size, modifiedMs: found.mtime * 1000 };
}

/** Folders that are empty afterwards go too. */
async function deleteRemote(remote: Remote, key: string, { signal }: Waiting): Promise<void> {
  requireKey(key);
  const path = `${remote.root}/${key}`;
  await call(remote, `delete "${key}"`, signal, async (session) => {
    if (!(await unlink(session, path))) return;
    // what is deleted first must not come back after a power cut
    await syncFolder(session, folderOf(path));
    await removeEmptyAbove(session, folderOf(path), remote.root);
  });
}

async function removeEmptyAbove(session: SftpSession, path: string, root: string): Promise<void> {
  if (path.length <= root.length) return;
  try {
    await session.ask<void>((sftp, answer) =>
      sftp.rmdir(path, (error) => answer(error, undefined)),
    );
  } catch (error) {
    if (statusOf(error) === undefined) throw error;
    return;
  }
  await removeEmptyAbove(session, folderOf(path), root);
}

async function sweepRemote(remote: Remote, graceMs: number, { signal }: Waiting): Promise<number> {
  const entries = await readRemoteFolder(remote, ".incoming", signal);
  const isOld = (mtime: number): boolean => now().getTime() - mtime * 1000 >= graceMs;
  let swept = 0;
  for (const { filename, attrs } of entries) {
    if (!attrs.isFile() || !isOld(attrs.mtime)) continue;
    const path = `${remote.incoming}/${filename}`;
    const gone = await call(remote, `sweep "${path}"`, signal, (session) => unlink(session, path));
    if (gone) swept++;
  }
  return swept;
}
