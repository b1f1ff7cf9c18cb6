/**
 * Copies of small objects on this machine, so that ten thousand manifests need not be fetched for every listing. It may
 * be deleted at any time. It is only ever asked for what the store has just listed, and what decides about deleting or
 * restoring does not ask it at all.
 */
import { join } from "node:path";
import { looseFiles, readLooseFile, removeLooseFile, writeLooseFile } from "../io/loose-file.ts";
import { sha256Of } from "./document.ts";
import { backupsPrefix, parseKey, type BackupName } from "./layout.ts";

export interface ObjectCache {
  /** Where it lies: for messages. */
  readonly directory: string;
  get(key: string, size: number): Uint8Array | undefined;
  /** Does nothing where it cannot be written. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** Backups of a cluster whose manifests were seen from here. */
  seen(cluster: string): BackupName[];
  /** Forgets what it holds of this key. */
  forget(key: string): void;
}

/** @param directory is made when it is needed @param storeUrl each store has its own */
export function openObjectCache(directory: string, storeUrl: string): ObjectCache {
  const root = join(directory, sha256Of(new TextEncoder().encode(storeUrl)).slice(0, 32));
  /** Keys that are not of the layout have no place in it: they could lead anywhere. */
  const pathOf = (key: string): string | undefined =>
    parseKey(key) === undefined ? undefined : join(root, ...key.split("/"));
  return {
    directory: root,
    get(key, size) {
      const path = pathOf(key);
      return path === undefined ? undefined : readLooseFile(path, size);
    },
    async put(key, bytes) {
      const path = pathOf(key);
      if (path !== undefined) await writeLooseFile(path, bytes);
    },
    seen(cluster) {
      const prefix = backupsPrefix(cluster);
      return looseFiles(join(root, ...prefix.split("/"))).flatMap((file) => {
        const part = parseKey(prefix + file);
        return part?.kind === "manifest" ? [part.name] : [];
      });
    },
    forget(key) {
      const path = pathOf(key);
      if (path !== undefined) removeLooseFile(path);
    },
  };
}
