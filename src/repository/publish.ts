/** Publication: the instant from which a backup exists. Everything that it needs is there before. */
import { HoldfastError } from "../errors.ts";
import type { Waiting } from "../store/store.ts";
import { invalid, putSmallObject } from "./document.ts";
import { manifestKey, parseBackupId, signatureKey } from "./layout.ts";
import { decodeManifest, type Manifest } from "./manifest.ts";
import type { Repository } from "./repository.ts";

/** What is signed and stored: a manifest's own bytes, and the signature over them. */
export interface SignedManifest {
  readonly manifest: Manifest;
  readonly bytes: Uint8Array;
  /** undefined for a backup that nobody signed. */
  readonly signature: Uint8Array | undefined;
}

/**
 * Publishes a backup: first the signature, last the manifest, both under names that must not exist. The objects that
 * the manifest names must have been stored before, with their sizes; nothing is listed that cannot be restored.
 * Throws "object-missing", and "object-exists" when somebody else has the name.
 */
export async function publish(
  repository: Repository,
  { manifest, bytes, signature }: SignedManifest,
  { signal }: Waiting,
): Promise<void> {
  const { store } = repository;
  requireSame(manifest, bytes);
  for (const { key, size } of manifest.objects) {
    const found = await store.stat(key, { signal });
    if (found?.size === size) continue;
    const state = found === undefined ? "is not there" : `has ${found.size} bytes, not ${size}`;
    throw new HoldfastError("object-missing", `cannot publish ${manifest.id}: "${key}" ${state}`);
  }
  const key = manifestKey(manifest);
  if (signature !== undefined)
    await putSmallObject(store, signatureKey(key), signature, { signal });
  await putSmallObject(store, key, bytes, { signal });
}

/** A manifest that cannot be read back must not be published, whoever made its bytes. */
function requireSame({ id, cluster }: Manifest, bytes: Uint8Array): void {
  const name = parseBackupId(id, cluster);
  if (name === undefined) throw invalid("a manifest", `"${id}" is no ID`);
  decodeManifest(bytes, name);
}
