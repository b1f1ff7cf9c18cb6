/** The objects in a folder on a server, in the bytewise order of their keys. */
import type { FileEntryWithStats } from "ssh2";
import { isKey, requirePrefix } from "../key.ts";
import { call, unlessMissing, type Remote } from "./remote.ts";
import type { ObjectInfo, Waiting } from "../store.ts";

/** Store.list. What has no legal name is none of ours; links are not followed. */
export async function* listRemote(
  remote: Remote,
  prefix: string,
  { signal }: Waiting,
): AsyncIterable<ObjectInfo> {
  requirePrefix(prefix);
  const above = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  yield* walk(remote, above, prefix, signal);
}

/** @param base "" or a path with a slash at its end */
async function* walk(
  remote: Remote,
  base: string,
  prefix: string,
  signal: AbortSignal,
): AsyncIterable<ObjectInfo> {
  const entries = (await readRemoteFolder(remote, base, signal))
    .filter(({ filename }) => isKey(base + filename))
    .map(({ filename, attrs }) => ({
      key: attrs.isDirectory() ? `${base}${filename}/` : base + filename,
      attrs,
    }))
    .filter(({ key }) => key.startsWith(prefix) || (key.endsWith("/") && prefix.startsWith(key)))
    // a folder stands where the keys in it belong: "a-b/c" is before "a/b"
    .toSorted((a, b) => (a.key < b.key ? -1 : 1));
  for (const { key, attrs } of entries) {
    if (attrs.isDirectory()) yield* walk(remote, key, prefix, signal);
    else if (attrs.isFile()) yield { key, size: attrs.size, modifiedMs: attrs.mtime * 1000 };
    signal.throwIfAborted();
  }
}

/** What is in a folder below the root; nothing when it is missing. */
export async function readRemoteFolder(
  remote: Remote,
  base: string,
  signal: AbortSignal,
): Promise<FileEntryWithStats[]> {
  const path = `${remote.root}/${base}`.replace(/\/$/, "");
  const found = await call(remote, `list "${path}"`, signal, (session) =>
    unlessMissing(session.ask<FileEntryWithStats[]>((sftp, answer) => sftp.readdir(path, answer))),
  );
  return found ?? [];
}
