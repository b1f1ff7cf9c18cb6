/** Stanzas for SSH's RSA keys (filippo.io/age/agessh): OAEP with SHA-256. */
import {
  constants,
  createPrivateKey,
  createPublicKey,
  privateDecrypt,
  publicEncrypt,
  type KeyObject,
} from "node:crypto";
import { Stanza } from "age-encryption";
import type { RsaPrivateKey } from "../format/ssh/private-key.ts";
import type { RsaPublicKey } from "../format/ssh/public-key.ts";

const TYPE = "ssh-rsa";
const OAEP = {
  padding: constants.RSA_PKCS1_OAEP_PADDING,
  oaepHash: "sha256",
  oaepLabel: Buffer.from("age-encryption.org/v1/ssh-rsa"),
};
/** What age takes at least. */
const LEAST_BITS = 2048;

/** Throws a plain Error for a key that is too short. */
export function checkRsa(key: RsaPublicKey): void {
  const bits = publicKeyOf(key).asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < LEAST_BITS) throw new Error(`it has ${bits} bits, wanted at least ${LEAST_BITS}`);
}

/** @param tag of the public key, as stanzas have it */
export function wrapToRsa(key: RsaPublicKey, tag: string, fileKey: Uint8Array): Stanza {
  return new Stanza([TYPE, tag], publicEncrypt({ key: publicKeyOf(key), ...OAEP }, fileKey));
}

/** undefined when it was wrapped to another key of the same tag. */
export function unwrapWithRsa(key: RsaPrivateKey, { body }: Stanza): Uint8Array | undefined {
  try {
    return privateDecrypt({ key: privateKeyOf(key), ...OAEP }, body);
  } catch {
    return undefined;
  }
}

const jwkNumber = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

function publicKeyOf({ modulus, exponent }: RsaPublicKey): KeyObject {
  const key = { kty: "RSA", n: jwkNumber(modulus), e: jwkNumber(exponent) };
  return createPublicKey({ key, format: "jwk" });
}

function privateKeyOf(numbers: RsaPrivateKey): KeyObject {
  const { modulus, exponent, privateExponent, coefficient, primes } = numbers;
  const [p, q] = primes;
  const key = {
    kty: "RSA",
    n: jwkNumber(modulus),
    e: jwkNumber(exponent),
    d: jwkNumber(privateExponent),
    p: jwkNumber(p),
    q: jwkNumber(q),
    dp: jwkNumber(reduced(privateExponent, p)),
    dq: jwkNumber(reduced(privateExponent, q)),
    qi: jwkNumber(coefficient),
  };
  return createPrivateKey({ key, format: "jwk" });
}

/** The private exponent modulo a prime less one. */
function reduced(exponent: Uint8Array, prime: Uint8Array): Uint8Array {
  const hex = (big(exponent) % (big(prime) - 1n)).toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length & 1), "0"), "hex");
}

function big(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
}
