/** X25519 on raw bytes, and the way there from Ed25519 keys. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";

/** What DER puts before the 32 bytes of a key (RFC 8410). */
const PRIVATE_PREFIX = Buffer.from("302e020100300506032b656e04220420", "hex");
const PUBLIC_PREFIX = Buffer.from("302a300506032b656e032100", "hex");

/** Throws when the result would be zero, which only a hostile point brings about. */
export function multiply(scalar: Uint8Array | KeyObject, point: Uint8Array): Uint8Array {
  const privateKey = scalar instanceof Uint8Array ? privateKeyOf(scalar) : scalar;
  return diffieHellman({ privateKey, publicKey: publicKeyOf(point) });
}

function privateKeyOf(scalar: Uint8Array): KeyObject {
  const key = Buffer.concat([PRIVATE_PREFIX, scalar]);
  try {
    return createPrivateKey({ key, format: "der", type: "pkcs8" });
  } finally {
    key.fill(0);
  }
}

function publicKeyOf(point: Uint8Array): KeyObject {
  const key = Buffer.concat([PUBLIC_PREFIX, point]);
  return createPublicKey({ key, format: "der", type: "spki" });
}

export interface EphemeralKey {
  readonly scalar: KeyObject;
  readonly point: Uint8Array;
}

/** A new key, for one use. */
export function generateEphemeral(): EphemeralKey {
  const { publicKey, privateKey } = generateKeyPairSync("x25519");
  const der = publicKey.export({ format: "der", type: "spki" });
  return { scalar: privateKey, point: der.subarray(PUBLIC_PREFIX.length) };
}

/** The X25519 scalar of an Ed25519 key (RFC 8032, section 5.1.5; X25519 clamps it). */
export function scalarOfEd25519(seed: Uint8Array): Uint8Array {
  const hash = createHash("sha512").update(seed).digest();
  const scalar = Uint8Array.from(hash.subarray(0, 32));
  hash.fill(0);
  return scalar;
}

const P = 2n ** 255n - 19n;
/** The curve's d: -121665/121666. */
const D = modulo(-121665n * inverse(121666n));

/** The X25519 point of an Ed25519 public key (RFC 7748, section 4.1); undefined when that is no point of the curve. */
export function pointOfEd25519(ed25519: Uint8Array): Uint8Array | undefined {
  const y = littleEndian(ed25519) & ((1n << 255n) - 1n);
  const y2 = modulo(y * y);
  // x² = (y² - 1) / (d y² + 1) has a root
  const x2 = modulo((y2 - 1n) * inverse(modulo(D * y2 + 1n)));
  const isOnCurve = y < P && (x2 === 0n || power(x2, (P - 1n) / 2n) === 1n);
  if (!isOnCurve || y === 1n) return undefined;
  return littleEndianBytes(modulo((1n + y) * inverse(modulo(1n - y))));
}

function modulo(value: bigint): bigint {
  return ((value % P) + P) % P;
}

function inverse(value: bigint): bigint {
  return power(value, P - 2n);
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = modulo(base);
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = (result * square) % P;
    square = (square * square) % P;
  }
  return result;
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes.toReversed()).toString("hex")}`);
}

function littleEndianBytes(value: bigint): Uint8Array {
  return Buffer.from(value.toString(16).padStart(64, "0"), "hex").toReversed();
}
