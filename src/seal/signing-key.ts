import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import { encodeKeyFile, type Ed25519PrivateKey } from "../format/ssh/private-key.ts";
import {
  decodePublicKey,
  encodeEd25519PublicKey,
  encodePublicKeyLine,
  type Ed25519PublicKey,
} from "../format/ssh/public-key.ts";
import { randomUint32 } from "../io/random.ts";
import { unusableKey, type AskPassphrase, type KeyFile } from "./key-file.ts";
import { parseSshKeyFile, unlockSshKey } from "./ssh-key-file.ts";

/** An Ed25519 key that can sign. The secret stays inside OpenSSL. */
export interface SigningKey {
  readonly publicKey: Ed25519PublicKey;
  readonly secret: KeyObject;
}

export interface NewSigningKey {
  /** A file in OpenSSH's format, not encrypted. A secret: mode 0600. */
  readonly privateKey: string;
  /** The line of its `.pub` file, line feed included. */
  readonly publicKey: string;
  readonly key: Ed25519PublicKey;
}

/** @param comment one line: whose key it is, for people */
export function generateSigningKey(comment: string): NewSigningKey {
  const { privateKey } = generateKeyPairSync("ed25519");
  const { d = "", x = "" } = privateKey.export({ format: "jwk" });
  const [seed, point] = [Buffer.from(d, "base64url"), Buffer.from(x, "base64url")];
  const key = publicKeyOf(point);
  const secret: Ed25519PrivateKey = { type: "ssh-ed25519", seed, point };
  const text = encodeKeyFile(secret, comment, randomUint32());
  seed.fill(0);
  return { privateKey: text, publicKey: `${encodePublicKeyLine(key, comment)}\n`, key };
}

/**
 * An Ed25519 private key in OpenSSH's format; `ask` is called when it has a passphrase. Throws "signing-key-unusable", and
 * what `ask` throws.
 */
export async function readSigningKey(file: KeyFile, ask: AskPassphrase): Promise<SigningKey> {
  const code = "signing-key-unusable";
  const key = await unlockSshKey(file, parseSshKeyFile(file, code), ask, code);
  if (key.type !== "ssh-ed25519") throw unusableKey(code, file, "it is RSA, wanted is Ed25519");
  const secret = secretOf(key);
  const { x = "" } = createPublicKey(secret).export({ format: "jwk" });
  key.seed.fill(0);
  if (!Buffer.from(x, "base64url").equals(key.point))
    throw unusableKey(code, file, "its public and private halves do not belong together");
  return { publicKey: publicKeyOf(key.point), secret };
}

function publicKeyOf(point: Uint8Array): Ed25519PublicKey {
  return decodePublicKey(encodeEd25519PublicKey(point)) as Ed25519PublicKey;
}

/** What DER puts before the 32 bytes of an Ed25519 seed (RFC 8410). */
const PRIVATE_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

function secretOf({ seed }: Ed25519PrivateKey): KeyObject {
  const key = Buffer.concat([PRIVATE_PREFIX, seed]);
  try {
    return createPrivateKey({ key, format: "der", type: "pkcs8" });
  } finally {
    key.fill(0);
  }
}
