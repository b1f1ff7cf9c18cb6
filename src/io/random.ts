import { randomBytes } from "node:crypto";

/** 32 random bits, unpredictable from outside. */
export function randomUint32(): number {
  return randomBytes(4).readUInt32LE();
}

/** A random name part: `length` lower-case hexadecimal digits. */
export function randomName(length = 8): string {
  return randomBytes(Math.ceil(length / 2))
    .toString("hex")
    .slice(0, length);
}

/** `length` bytes that nobody can guess: salts, nonces, keys. */
export function randomKey(length: number): Uint8Array {
  return randomBytes(length);
}
