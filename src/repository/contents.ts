/** What is inside a stored object: opened with an identity, unpacked, and compared with what was published. */
import { HoldfastError } from "../errors.ts";
import { unpack } from "../pack/unpack.ts";
import type { Identities } from "../seal/identities.ts";
import { open } from "../seal/seal.ts";
import { objectOf, type Manifest, type ManifestObject } from "./manifest.ts";
import type { Repository } from "./repository.ts";
import { storedBytes, type StoredOptions } from "./stored.ts";

export interface ContentsOptions extends StoredOptions {
  /** What to open it with; undefined opens only what is not sealed. */
  readonly identities: Identities | undefined;
}

/** A report has a few megabytes; more than this comes from a bomb. */
const MOST_REPORT_BYTES = 256 << 20;

/**
 * The plain bytes of the snapshot (or another role), in order, each piece valid until the next is asked for. Of a
 * snapshot sealed with age or not at all, bytes come before the whole was compared: a failure at the end undoes them.
 * Throws "backup-damaged", "sealed-damaged", "packed-damaged", "no-identity-matches", and "identity-unusable" where there
 * is none at all.
 */
export async function* readContents(
  repository: Repository,
  manifest: Manifest,
  options: ContentsOptions & { readonly role?: string },
): AsyncGenerator<Uint8Array, void, undefined> {
  const { role = "snapshot", signal } = options;
  const object = objectOf(manifest, role);
  if (object === undefined)
    throw new HoldfastError("object-missing", `${manifest.id} has no object "${role}"`);
  const limit = role === "snapshot" ? manifest.snapshot.size : MOST_REPORT_BYTES;
  try {
    yield* unpack(await opened(repository, manifest, object, options), { signal, limit });
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== "no-identity-matches") throw error;
    throw strangeIdentity(manifest, error);
  }
}

/** OpenPGP has no authenticated pieces: what is sealed with it is compared as a whole first. */
async function opened(
  repository: Repository,
  { id, sealing }: Manifest,
  object: ManifestObject,
  { identities, signal, progress }: ContentsOptions,
): Promise<AsyncIterable<Uint8Array>> {
  const stored = (options: StoredOptions): AsyncIterable<Uint8Array> =>
    storedBytes(repository, object, id, options);
  const told = { signal, ...(progress && { progress }) };
  if (sealing.kind === "none") return stored(told);
  if (identities === undefined)
    throw new HoldfastError("identity-unusable", `${id} is sealed, and there is no identity`, {
      hint: sealing.recipients.includes("passphrase")
        ? "set HOLDFAST_PASSPHRASE_FILE, or HOLDFAST_PASSPHRASE"
        : "give --identity FILE, or HOLDFAST_IDENTITY",
    });
  if (sealing.kind === "age") return open(stored(told), identities, { signal });
  for await (const _ of stored({ signal }));
  return open(stored(told), identities, { signal, digestChecked: true });
}

/** A header whose first bytes are damaged looks like one of somebody else's, and only the whole tells. */
function strangeIdentity({ id, sealing }: Manifest, cause: HoldfastError): HoldfastError {
  const what = `no given identity opens ${id}, which was sealed to ${sealing.recipients.join(", ")}`;
  const hint = `give the identity of one of them; if you did, the backup is damaged: \`holdfast verify ${id}\` tells`;
  return new HoldfastError(cause.code, what, { hint, cause });
}
