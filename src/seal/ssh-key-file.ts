import { createDecipheriv } from "node:crypto";
import {
  decodeKeyFile,
  decodePrivatePart,
  type KeyEncryption,
  type SshKeyFile,
  type SshPrivateKey,
} from "../format/ssh/private-key.ts";
import { HoldfastError, type ErrorCode } from "../errors.ts";
import { textOf, unusableKey, type AskPassphrase, type KeyFile } from "./key-file.ts";

/** Ciphers of `ssh-keygen -Z` that are supported; the first is its default. Bytes of key; the counter or vector has 16. */
const CIPHERS: ReadonlyMap<string, { readonly name: string; readonly keyBytes: number }> = new Map(
  ["ctr", "cbc"].flatMap((mode) =>
    [256, 192, 128].map((bits) => [
      `aes${bits}-${mode}`,
      { name: `aes-${bits}-${mode}`, keyBytes: bits / 8 },
    ]),
  ),
);
const BLOCK_BYTES = 16;
/** `ssh-keygen -a` has 16 or 24 by default; this many take about a minute. */
const MOST_ROUNDS = 1000;

/** Throws `code` for what is no private key in OpenSSH's format; its private part stays as it is. */
export function parseSshKeyFile(file: KeyFile, code: ErrorCode): SshKeyFile {
  try {
    return decodeKeyFile(textOf(file));
  } catch (error) {
    throw unusableKey(code, file, (error as Error).message);
  }
}

/** The private key of a file, decrypted where that is needed. Throws `code`, and what `ask` throws. */
export async function unlockSshKey(
  file: KeyFile,
  { encryption, privatePart }: SshKeyFile,
  ask: AskPassphrase,
  code: ErrorCode,
): Promise<SshPrivateKey> {
  const passphrase = encryption === undefined ? "" : await ask(`the key "${file.name}"`);
  try {
    const bytes =
      encryption === undefined ? privatePart : await decrypt(privatePart, encryption, passphrase);
    const key = decodePrivatePart(bytes);
    if (key !== undefined) return key;
  } catch (error) {
    if (error instanceof HoldfastError && error.code !== "malformed-message") throw error;
    throw unusableKey(code, file, (error as Error).message);
  }
  throw unusableKey(code, file, "the passphrase does not open it");
}

async function decrypt(
  bytes: Uint8Array,
  { cipher, salt, rounds }: KeyEncryption,
  passphrase: string,
): Promise<Uint8Array> {
  const known = CIPHERS.get(cipher);
  if (known === undefined || bytes.length % BLOCK_BYTES !== 0 || rounds > MOST_ROUNDS)
    throw malformed(`it is encrypted with ${cipher} and ${rounds} rounds`);
  const secret = await stretch(passphrase, salt, rounds, known.keyBytes + BLOCK_BYTES);
  const [key, vector] = [secret.subarray(0, known.keyBytes), secret.subarray(known.keyBytes)];
  const decipher = createDecipheriv(known.name, key, vector).setAutoPadding(false);
  const plain = Buffer.concat([decipher.update(bytes), decipher.final()]);
  secret.fill(0);
  return plain;
}

/** bcrypt as OpenSSH uses it. */
async function stretch(
  passphrase: string,
  salt: Uint8Array,
  rounds: number,
  length: number,
): Promise<Uint8Array> {
  const { pbkdf } = await import("bcrypt-pbkdf");
  const secret = Buffer.from(passphrase);
  const key = new Uint8Array(length);
  if (pbkdf(secret, secret.length, salt, salt.length, key, length, rounds) !== 0)
    throw malformed("it cannot be decrypted with this passphrase");
  secret.fill(0);
  return key;
}

function malformed(what: string): HoldfastError {
  return new HoldfastError("malformed-message", what);
}
