/** Whose backups count. Keys come from files of this machine, never from the store. */
import { HoldfastError } from "../errors.ts";
import type { AllowedSigner } from "../format/ssh/allowed-signers.ts";
import { sign as signBytes, verify } from "../seal/signature.ts";
import type { SigningKey } from "../seal/signing-key.ts";
import type { SignedManifest } from "./publish.ts";

/** Who signed these bytes, by the name that he has here. Throws "signature-invalid" and "signer-unknown". */
export type Trust = (bytes: Uint8Array, signature: Uint8Array) => string;

/** Makes the file that lies beside what is signed. */
export type Sign = (bytes: Uint8Array) => Uint8Array;

export function trustIn(allowed: readonly AllowedSigner[]): Trust {
  // A canonical signature is ASCII: any other byte makes it another text.
  return (bytes, signature) =>
    verify(bytes, Buffer.from(signature).toString("latin1"), allowed).principal;
}

export function signWith(key: SigningKey): Sign {
  return (bytes) => Buffer.from(signBytes(bytes, key), "latin1");
}

/** Who signed a backup. Throws "signature-missing", "signature-invalid" and "signer-unknown", naming the backup. */
export function requireSigned(
  { manifest, bytes, signature }: SignedManifest,
  trust: Trust,
): string {
  if (signature === undefined)
    throw new HoldfastError("signature-missing", `the backup ${manifest.id} is not signed`);
  try {
    return trust(bytes, signature);
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    const { code, message, hint } = error;
    throw new HoldfastError(code, `the backup ${manifest.id}: ${message}`, {
      ...(hint === undefined ? {} : { hint }),
      cause: error,
    });
  }
}
