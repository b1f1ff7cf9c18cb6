/**
 * Signatures of files as OpenSSH makes them (PROTOCOL.sshsig), Ed25519 over SHA-512 only.
 *
 * ```text
 * "SSHSIG"  u32 1  string public key  string namespace  string reserved (empty)  string "sha512"
 * string { string "ssh-ed25519"  string signature of 64 bytes }
 * ```
 *
 * What is signed is "SSHSIG", namespace, reserved, "sha512" and the message's SHA-512, in the same manner.
 */
import { HoldfastError } from "../../errors.ts";
import { bytesText, concatBytes, textBytes } from "../bytes.ts";
import { decodeArmor, encodeArmor } from "./armor.ts";
import { decodePublicKey, type Ed25519PublicKey } from "./public-key.ts";
import { WireReader, wireString, wireU32 } from "./wire.ts";

const LABEL = "SSH SIGNATURE";
const MAGIC = "SSHSIG";
const VERSION = 1;
const HASH = "sha512";
const SIGNATURE_BYTES = 64;
/** Ours have 311; the namespace makes the difference. */
const MOST_TEXT_BYTES = 4096;

export interface SshSignature {
  readonly key: Ed25519PublicKey;
  /** What it was signed as: a signature for mail must not pass for one of a backup. */
  readonly namespace: string;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

/** What the key signs. `digest` is the message's SHA-512. */
export function signedBytes(namespace: string, digest: Uint8Array): Uint8Array {
  const strings = [namespace, "", HASH, digest].map(wireString);
  return concatBytes([textBytes(MAGIC), ...strings]);
}

/** The only text that this signature may have. */
export function encodeSignature({ key, namespace, signature }: SshSignature): string {
  const inner = concatBytes([wireString("ssh-ed25519"), wireString(signature)]);
  const strings = [key.blob, namespace, "", HASH, inner].map(wireString);
  return encodeArmor(LABEL, concatBytes([textBytes(MAGIC), wireU32(VERSION), ...strings]));
}

/**
 * Throws "malformed-message" for another kind of key or hash, and for any text but the one that `encodeSignature` makes:
 * a signature that can be written in two ways could be changed without being broken.
 */
export function decodeSignature(text: string): SshSignature {
  const bytes = text.length <= MOST_TEXT_BYTES ? decodeArmor(LABEL, text) : undefined;
  if (bytes === undefined) throw malformed("it is no armored SSH signature");
  const signature = readSignature(new WireReader(bytes));
  if (encodeSignature(signature) !== text)
    throw malformed("it is not written in the canonical form");
  return signature;
}

function readSignature(reader: WireReader): SshSignature {
  if (bytesText(reader.take(MAGIC.length)) !== MAGIC)
    throw malformed("it does not begin with SSHSIG");
  if (reader.u32() !== VERSION) throw malformed("its version is not 1");
  const key = decodePublicKey(reader.string());
  const namespace = reader.name();
  const reserved = reader.string();
  const hash = reader.name();
  const inner = new WireReader(reader.string());
  reader.end();
  const type = inner.name();
  const signature = inner.string();
  inner.end();
  if (key.type !== "ssh-ed25519" || type !== "ssh-ed25519") throw malformed("it is not Ed25519");
  if (hash !== HASH || reserved.length > 0) throw malformed("it is not over SHA-512");
  if (signature.length !== SIGNATURE_BYTES) throw malformed(`it has ${signature.length} bytes`);
  return { key, namespace, signature };
}

function malformed(what: string): HoldfastError {
  return new HoldfastError("malformed-message", `a signature cannot be read: ${what}`);
}
