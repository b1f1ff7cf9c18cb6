import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";

const FILE_KEY_BYTES = 16;
const TAG_BYTES = 16;
export const ALGORITHM = "chacha20-poly1305";
export const TAG = { authTagLength: TAG_BYTES };
/** Fine for a key that is used once. */
const NO_NONCE = new Uint8Array(12);

/** HKDF-SHA-256 to 32 bytes. */
export function deriveKey(secret: Uint8Array, salt: Uint8Array, info: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, salt, info, 32));
}

/** A file key under a key of 32 bytes that seals nothing else: the body of a stanza. */
export function wrapKey(fileKey: Uint8Array, key: Uint8Array): Uint8Array {
  const cipher = createCipheriv(ALGORITHM, key, NO_NONCE, TAG);
  return Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()]);
}

/** The file key of a stanza's body; undefined when it was wrapped with another key. Throws a plain Error for a body of another length. */
export function unwrapKey(body: Uint8Array, key: Uint8Array): Uint8Array | undefined {
  if (body.length !== FILE_KEY_BYTES + TAG_BYTES)
    throw new Error(`a stanza with a key of ${body.length - TAG_BYTES} bytes`);
  const decipher = createDecipheriv(ALGORITHM, key, NO_NONCE, TAG);
  decipher.setAuthTag(body.subarray(FILE_KEY_BYTES));
  const fileKey = decipher.update(body.subarray(0, FILE_KEY_BYTES));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return fileKey;
}
