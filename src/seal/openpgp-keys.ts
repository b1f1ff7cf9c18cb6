/** Keys of OpenPGP, by openpgp.js, which is loaded only when it is needed: it is large. */
import type { Key, PrivateKey, PublicKey } from "openpgp";
import { HoldfastError } from "../errors.ts";
import { textOf, unusableKey, type AskPassphrase, type KeyFile } from "./key-file.ts";

/** What a file of OpenPGP keys begins with: armor, or a packet of that kind in the old or the new form. */
const PUBLIC = { label: "PGP PUBLIC KEY BLOCK", tag: 6 };
const SECRET = { label: "PGP PRIVATE KEY BLOCK", tag: 5 };

function holds(file: KeyFile, { label, tag }: typeof PUBLIC): boolean {
  return textOf(file).includes(`-----BEGIN ${label}-----`) || packetTag(file.content) === tag;
}

/** The tag of the packet that bytes begin with; undefined for other bytes (RFC 9580, section 4.2). */
export function packetTag(bytes: Uint8Array): number | undefined {
  const first = bytes[0] ?? 0;
  if ((first & 0x80) === 0) return undefined;
  return (first & 0x40) === 0 ? (first >> 2) & 0x0f : first & 0x3f;
}

export const holdsOpenPgpPublicKeys = (file: KeyFile): boolean => holds(file, PUBLIC);
export const holdsOpenPgpPrivateKeys = (file: KeyFile): boolean => holds(file, SECRET);

async function readKeys(file: KeyFile, { label }: typeof PUBLIC): Promise<Key[]> {
  const { readKeys: read } = await import("openpgp");
  const armor = new RegExp(`-----BEGIN ${label}-----[^]*?-----END ${label}-----`, "g");
  const blocks = textOf(file).match(armor);
  if (blocks === null) return read({ binaryKeys: file.content });
  return (await Promise.all(blocks.map((armoredKeys) => read({ armoredKeys })))).flat();
}

/** Public keys that can be encrypted to today. Throws "recipients-unusable". */
export async function readOpenPgpRecipients(file: KeyFile): Promise<readonly PublicKey[]> {
  const unusable = (what: string): HoldfastError => unusableKey("recipients-unusable", file, what);
  const keys = await readKeys(file, PUBLIC).catch((error: Error) => {
    throw unusable(error.message);
  });
  if (keys.length === 0) throw unusable("there is no key in it");
  for (const key of keys) {
    if (key.isPrivate()) throw unusable("it holds a private key, which must not be here");
    await key.getEncryptionKey().catch((error: Error) => {
      throw unusable(`nothing can be sealed to ${openPgpFingerprint(key)}: ${error.message}`);
    });
  }
  return keys;
}

/** As gpg prints it. */
export function openPgpFingerprint(key: PublicKey): string {
  return key.getFingerprint().toUpperCase();
}

/** Private keys, perhaps protected by passphrases. Throws "identity-unusable". */
export async function readOpenPgpIdentities(file: KeyFile): Promise<readonly PrivateKey[]> {
  const keys = await readKeys(file, SECRET).catch(() => {
    throw unusableKey("identity-unusable", file, "its OpenPGP keys cannot be read");
  });
  return keys.filter((key): key is PrivateKey => key.isPrivate());
}

/** The key without its passphrase. Throws "identity-unusable", and what `ask` throws. */
export async function unlockOpenPgpKey(key: PrivateKey, ask: AskPassphrase): Promise<PrivateKey> {
  if (key.isDecrypted()) return key;
  const name = `the OpenPGP key ${openPgpFingerprint(key)}`;
  const passphrase = await ask(name);
  const { decryptKey } = await import("openpgp");
  return decryptKey({ privateKey: key, passphrase }).catch(() => {
    throw new HoldfastError("identity-unusable", `the passphrase does not open ${name}`);
  });
}
