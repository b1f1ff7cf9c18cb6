/** Whose backups count. Keys come from files of this machine, never from the store. */
import { HoldfastError } from "../errors.ts";
import type { SignedManifest } from "./publish.ts";

/**
 * The signer's name as the allowed signers have it, of a signature over these bytes. Throws "signature-invalid" and
 * "signer-unknown".
 */
export type Trust = (bytes: Uint8Array, signature: Uint8Array) => Promise<string> | string;

/** Makes a signature over these bytes. */
export type Sign = (bytes: Uint8Array) => Promise<Uint8Array> | Uint8Array;

/** Who signed a backup. Throws "signature-missing", "signature-invalid" and "signer-unknown", naming the backup. */
export async function requireSigned(
  { manifest, bytes, signature }: SignedManifest,
  trust: Trust,
): Promise<string> {
  if (signature === undefined)
    throw new HoldfastError("signature-missing", `the backup ${manifest.id} is not signed`);
  try {
    return await trust(bytes, signature);
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    const { code, message, hint } = error;
    throw new HoldfastError(code, `the backup ${manifest.id}: ${message}`, {
      ...(hint === undefined ? {} : { hint }),
      cause: error,
    });
  }
}
