/** The objects in a folder, in the bytewise order of their keys. */
import { join } from "node:path";
import { readFolder, statStoredFile } from "../../io/stored-file.ts";
import { call, type Folder } from "./folder.ts";
import { isKey, requirePrefix } from "../key.ts";
import type { ObjectInfo, Waiting } from "../store.ts";

/** Files that are looked at at once. */
const AT_ONCE = 64;

/** Store.list. What has no legal name is none of ours; what goes away in between is left out. */
export async function* listFiles(
  folder: Folder,
  prefix: string,
  { signal }: Waiting,
): AsyncIterable<ObjectInfo> {
  requirePrefix(prefix);
  const above = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  yield* walk(folder, above, prefix, signal);
}

/** @param base "" or a path with a slash at its end */
async function* walk(
  folder: Folder,
  base: string,
  prefix: string,
  signal: AbortSignal,
): AsyncIterable<ObjectInfo> {
  const doing = `list "${join(folder.root, base)}"`;
  const found = await call(folder, doing, signal, () => readFolder(join(folder.root, base)));
  const entries = found
    .filter(({ name }) => isKey(base + name))
    .map((entry) => (entry.kind === "folder" ? `${base}${entry.name}/` : base + entry.name))
    .filter((key) => key.startsWith(prefix) || (key.endsWith("/") && prefix.startsWith(key)))
    // a folder stands where the keys in it belong: "a-b/c" is before "a/b"
    .toSorted((a, b) => (a < b ? -1 : 1));
  for (let at = 0; at < entries.length; at += AT_ONCE) {
    const some = entries.slice(at, at + AT_ONCE);
    const infos = await call(folder, doing, signal, () =>
      Promise.all(some.map((key) => infoOf(folder, key))),
    );
    for (const [n, info] of infos.entries()) {
      if (info === "folder") yield* walk(folder, some[n]!, prefix, signal);
      else if (info !== undefined) yield info;
      signal.throwIfAborted();
    }
  }
}

async function infoOf(folder: Folder, key: string): Promise<ObjectInfo | "folder" | undefined> {
  if (key.endsWith("/")) return "folder";
  const found = await statStoredFile(join(folder.root, key));
  return found && { key, ...found };
}
