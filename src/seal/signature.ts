import { createHash, createPublicKey, sign as signBytes, verify as verifyBytes } from "node:crypto";
import {
  decodeAllowedSigners,
  maySignAs,
  type AllowedSigner,
} from "../format/ssh/allowed-signers.ts";
import type { Ed25519PublicKey } from "../format/ssh/public-key.ts";
import {
  decodeSignature,
  encodeSignature,
  signedBytes,
  type SshSignature,
} from "../format/ssh/signature.ts";
import { HoldfastError } from "../errors.ts";
import { textOf, type KeyFile } from "./key-file.ts";
import type { SigningKey } from "./signing-key.ts";
import { sshFingerprint } from "./ssh-fingerprint.ts";

/** What all our signatures are made as: `ssh-keygen -Y verify -n holdfast`. */
export const NAMESPACE = "holdfast";

/** A signature as text in its one canonical form; the same message and key always give the same. */
export function sign(message: Uint8Array, { publicKey, secret }: SigningKey): string {
  const signature = signBytes(null, signedBytes(NAMESPACE, digestOf(message)), secret);
  return encodeSignature({ key: publicKey, namespace: NAMESPACE, signature });
}

/** Who has signed. */
export interface Signer {
  /** The name of the key in the file of allowed signers. */
  readonly principal: string;
  /** As `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
}

/** Throws "allowed-signers-unusable", also when there is no Ed25519 key that may sign as `holdfast`. */
export function parseAllowedSigners(file: KeyFile): readonly AllowedSigner[] {
  const signers = decodeAllowedSigners(textOf(file)).filter((one) => maySignAs(one, NAMESPACE));
  if (signers.length === 0)
    throw new HoldfastError(
      "allowed-signers-unusable",
      `cannot use "${file.name}": there is no Ed25519 key in it that may sign as "${NAMESPACE}"`,
    );
  return signers;
}

/**
 * Who signed the message. Throws "signature-invalid" for a signature of something else or in another form, and
 * "signer-unknown" when it holds but its key is not allowed.
 */
export function verify(
  message: Uint8Array,
  signatureText: string,
  allowed: readonly AllowedSigner[],
): Signer {
  const signature = readSignature(signatureText);
  const fingerprint = sshFingerprint(signature.key);
  const signed = signedBytes(NAMESPACE, digestOf(message));
  if (!verifyBytes(null, signed, keyObjectOf(signature.key), signature.signature))
    throw invalid(`it is not of these bytes (key ${fingerprint})`);
  const signer = allowed.find(({ key }) => sshFingerprint(key) === fingerprint);
  if (signer === undefined)
    throw new HoldfastError(
      "signer-unknown",
      `signed by ${fingerprint}, which is no key of an allowed signer`,
    );
  return { principal: signer.principal, fingerprint };
}

function readSignature(text: string): SshSignature {
  let signature: SshSignature;
  try {
    signature = decodeSignature(text);
  } catch (error) {
    throw invalid((error as Error).message);
  }
  if (signature.namespace !== NAMESPACE)
    throw invalid(`it is made as "${signature.namespace}", wanted "${NAMESPACE}"`);
  return signature;
}

function invalid(what: string): HoldfastError {
  return new HoldfastError("signature-invalid", `the signature does not hold: ${what}`);
}

function digestOf(message: Uint8Array): Uint8Array {
  return createHash("sha512").update(message).digest();
}

/** What DER puts before the 32 bytes of an Ed25519 public key (RFC 8410). */
const PUBLIC_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

function keyObjectOf({ point }: Ed25519PublicKey): ReturnType<typeof createPublicKey> {
  const key = Buffer.concat([PUBLIC_PREFIX, point]);
  return createPublicKey({ key, format: "der", type: "spki" });
}
