/**
 * Little- and big-endian integers in byte arrays. Callers check bounds first: past the end these read zeros,
 * they never throw.
 */
export function u16le(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

export function u32le(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  );
}

export function u32be(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  );
}

export function u64le(bytes: Uint8Array, at: number): bigint {
  return (BigInt(u32le(bytes, at + 4)) << 32n) | BigInt(u32le(bytes, at));
}

export function u64be(bytes: Uint8Array, at: number): bigint {
  return (BigInt(u32be(bytes, at)) << 32n) | BigInt(u32be(bytes, at + 4));
}

export function putU16le(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}

export function putU32le(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

export function putU64le(bytes: Uint8Array, at: number, value: bigint): void {
  putU32le(bytes, at, Number(value & 0xffffffffn));
  putU32le(bytes, at + 4, Number((value >> 32n) & 0xffffffffn));
}

/** Eight bytes, big endian, of an unsigned or two's complement 64-bit value. */
export function u64beBytes(value: bigint): Uint8Array {
  const out = new Uint8Array(8);
  for (let i = 7, rest = BigInt.asUintN(64, value); i >= 0; i--, rest >>= 8n)
    out[i] = Number(rest & 0xffn);
  return out;
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Unsigned bytewise order, as bbolt sorts keys: negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function toHex(bytes: Uint8Array): string {
  let out = "";
  for (const byte of bytes) out += byte.toString(16).padStart(2, "0");
  return out;
}

const TEXT_ENCODER = new TextEncoder();
const TEXT_DECODER = new TextDecoder();

/** UTF-8 bytes of a text. */
export function textBytes(text: string): Uint8Array {
  return TEXT_ENCODER.encode(text);
}

/** Text of UTF-8 bytes; what is not UTF-8 becomes U+FFFD. */
export function bytesText(bytes: Uint8Array): string {
  return TEXT_DECODER.decode(bytes);
}
