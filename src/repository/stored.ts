import { createHash } from "node:crypto";
import { HoldfastError } from "../errors.ts";
import type { Waiting } from "../store/store.ts";
import type { ManifestObject } from "./manifest.ts";
import type { Repository } from "./repository.ts";

export interface StoredOptions extends Waiting {
  /** Called with the bytes of each piece that has come. */
  readonly progress?: (more: number) => void;
}

/**
 * The stored bytes of an object as they come. Throws "backup-damaged" when they are others than the manifest promises:
 * that is known only at their end, and until then what was handed out is not to be believed.
 *
 * @param id of the backup, for messages
 */
export async function* storedBytes(
  { store }: Repository,
  { role, key, size, sha256 }: ManifestObject,
  id: string,
  { signal, progress }: StoredOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash("sha256");
  let length = 0;
  const fail = (why: string): HoldfastError =>
    new HoldfastError("backup-damaged", `the ${role} of ${id} in ${store.url} is damaged: ${why}`);
  for await (const piece of store.get(key, { signal })) {
    length += piece.length;
    if (length > size) throw fail(`it is longer than ${size} bytes`);
    hash.update(piece);
    progress?.(piece.length);
    yield piece;
  }
  if (length < size) throw fail(`it has ${length} bytes, wanted ${size}`);
  const found = hash.digest("hex");
  if (found !== sha256) throw fail(`its SHA-256 is ${found}, wanted ${sha256}`);
}
