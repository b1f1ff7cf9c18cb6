/**
 * Private keys in OpenSSH's own format (PROTOCOL.key).
 *
 * ```text
 * "openssh-key-v1" 0  string cipher  string kdf  string kdf options  u32 1  string public key  string private part
 * private part: u32 check  u32 check  string type  type's numbers  string comment  padding 1 2 3 …
 * kdf options:  nothing, or for bcrypt: string salt  u32 rounds
 * ```
 *
 * The private part is encrypted when there is a cipher; its two checks are equal when it was decrypted with the right key.
 */
import { HoldfastError } from "../../errors.ts";
import { bytesText, concatBytes, textBytes } from "../bytes.ts";
import { decodeArmor, encodeArmor } from "./armor.ts";
import { decodePublicKey, encodeEd25519PublicKey, type SshPublicKey } from "./public-key.ts";
import { WireReader, wireString, wireU32 } from "./wire.ts";

const LABEL = "OPENSSH PRIVATE KEY";
const MAGIC = "openssh-key-v1\0";
const PLAIN_BLOCK_BYTES = 8;
const SEED_BYTES = 32;

/** A key file, its private part still as it is stored. */
export interface SshKeyFile {
  readonly publicKey: SshPublicKey;
  /** undefined when the private part is not encrypted. */
  readonly encryption: KeyEncryption | undefined;
  readonly privatePart: Uint8Array;
}

export interface KeyEncryption {
  /** As SSH names ciphers: "aes256-ctr". */
  readonly cipher: string;
  /** bcrypt's. */
  readonly salt: Uint8Array;
  readonly rounds: number;
}

/** The numbers that make the key. */
export type SshPrivateKey = Ed25519PrivateKey | RsaPrivateKey;

export interface Ed25519PrivateKey {
  readonly type: "ssh-ed25519";
  /** 32 bytes, from which the key is made. */
  readonly seed: Uint8Array;
  readonly point: Uint8Array;
}

export interface RsaPrivateKey {
  readonly type: "ssh-rsa";
  /** Big endian, no zeros in front. */
  readonly modulus: Uint8Array;
  readonly exponent: Uint8Array;
  readonly privateExponent: Uint8Array;
  /** Inverse of the second prime modulo the first. */
  readonly coefficient: Uint8Array;
  readonly primes: readonly [Uint8Array, Uint8Array];
}

/** Whether a text holds a private key in this format. */
export function isSshKeyFile(text: string): boolean {
  return text.includes(`-----BEGIN ${LABEL}-----`);
}

/** Throws "malformed-message", also for a key of another type than Ed25519 and RSA. No message quotes the file. */
export function decodeKeyFile(text: string): SshKeyFile {
  const bytes = decodeArmor(LABEL, text);
  if (bytes === undefined) throw malformed("its base64 cannot be read");
  const reader = new WireReader(bytes);
  if (bytesText(reader.take(MAGIC.length)) !== MAGIC)
    throw malformed("it begins with something else");
  const cipher = reader.name();
  const encryption = readEncryption(cipher, reader.name(), new WireReader(reader.string()));
  if (reader.u32() !== 1) throw malformed("it does not hold exactly one key");
  const publicKey = decodePublicKey(reader.string());
  const privatePart = reader.string();
  // authenticated ciphers have their tag here
  if (encryption === undefined) reader.end();
  return { publicKey, encryption, privatePart };
}

function readEncryption(
  cipher: string,
  kdf: string,
  options: WireReader,
): KeyEncryption | undefined {
  if (cipher === "none" && kdf === "none") return undefined;
  if (kdf !== "bcrypt") throw malformed("it is encrypted by another KDF than bcrypt");
  const encryption = { cipher, salt: options.string(), rounds: options.u32() };
  options.end();
  return encryption;
}

/**
 * The key of a private part that is not encrypted (any more); undefined when its two checks differ, which means that it was
 * decrypted with another key. Throws "malformed-message".
 */
export function decodePrivatePart(bytes: Uint8Array): SshPrivateKey | undefined {
  const reader = new WireReader(bytes);
  if (reader.u32() !== reader.u32()) return undefined;
  const key = readPrivateKey(reader);
  reader.string();
  const padding = reader.rest();
  if (padding.some((byte, at) => byte !== ((at + 1) & 0xff)))
    throw malformed("its padding is wrong");
  return key;
}

function readPrivateKey(reader: WireReader): SshPrivateKey {
  const type = reader.name();
  if (type === "ssh-ed25519") return readEd25519(reader);
  if (type !== "ssh-rsa") throw malformed("it is neither Ed25519 nor RSA");
  const [modulus, exponent, privateExponent, coefficient, first, second] = [1, 2, 3, 4, 5, 6].map(
    () => reader.integer(),
  ) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  return { type, modulus, exponent, privateExponent, coefficient, primes: [first, second] };
}

function readEd25519(reader: WireReader): Ed25519PrivateKey {
  const point = reader.string();
  const both = reader.string();
  if (point.length !== SEED_BYTES || both.length !== 2 * SEED_BYTES)
    throw malformed("an Ed25519 key of the wrong length");
  return { type: "ssh-ed25519", seed: both.subarray(0, SEED_BYTES), point };
}

/**
 * An Ed25519 key as a file that is not encrypted.
 *
 * @param check 32 random bits
 */
export function encodeKeyFile(key: Ed25519PrivateKey, comment: string, check: number): string {
  const publicKey = encodeEd25519PublicKey(key.point);
  const numbers = [key.type, key.point, concatBytes([key.seed, key.point]), comment].map(
    wireString,
  );
  const privatePart = padded(concatBytes([wireU32(check), wireU32(check), ...numbers]));
  const strings = ["none", "none", ""].map(wireString);
  const keys = [wireU32(1), wireString(publicKey), wireString(privatePart)];
  return encodeArmor(LABEL, concatBytes([textBytes(MAGIC), ...strings, ...keys]));
}

function padded(bytes: Uint8Array): Uint8Array {
  const missing = -bytes.length & (PLAIN_BLOCK_BYTES - 1);
  return concatBytes([bytes, Uint8Array.from({ length: missing }, (_, at) => at + 1)]);
}

function malformed(what: string): HoldfastError {
  return new HoldfastError("malformed-message", `the private key cannot be read: ${what}`);
}
