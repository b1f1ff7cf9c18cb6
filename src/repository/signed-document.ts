/** Small signed documents beside the backups: a signature is put first, the document last. */
import { HoldfastError } from "../errors.ts";
import type { ObjectInfo, Waiting } from "../store/store.ts";
import { fetchObject, type LoadOptions } from "./catalog.ts";
import { MOST_DOCUMENT_BYTES, MOST_SIGNATURE_BYTES, putSmallObject } from "./document.ts";
import { signatureKey } from "./layout.ts";
import type { Repository } from "./repository.ts";
import type { Sign, Trust } from "./trust.ts";

/** Signs and stores. Throws "object-exists" when the document is there already. */
export async function putSigned(
  { store }: Repository,
  key: string,
  bytes: Uint8Array,
  { sign, signal }: Waiting & { readonly sign: Sign },
): Promise<void> {
  await putSmallObject(store, signatureKey(key), sign(bytes), { signal });
  await putSmallObject(store, key, bytes, { signal });
}

/** The bytes of a listed document, once its signature counts. Throws as `Trust` does, and "signature-missing". */
export async function fetchSigned(
  repository: Repository,
  document: ObjectInfo,
  signature: ObjectInfo | undefined,
  options: LoadOptions & { readonly trust: Trust },
): Promise<{ readonly bytes: Uint8Array; readonly signer: string }> {
  if (signature === undefined)
    throw new HoldfastError("signature-missing", `"${document.key}" is not signed`);
  const bytes = await fetchObject(repository, document, MOST_DOCUMENT_BYTES, options);
  const armored = await fetchObject(repository, signature, MOST_SIGNATURE_BYTES, options);
  return { bytes, signer: options.trust(bytes, armored) };
}

/** The document goes first: without it the signature means nothing. */
export async function deleteSigned(
  { store }: Repository,
  key: string,
  options: Waiting,
): Promise<void> {
  await store.delete(key, options);
  await store.delete(signatureKey(key), options);
}
