/**
 * CRC-32C (Castagnoli, reflected polynomial 0x82F63B78, init and xorout 0xFFFFFFFF), in the finalized form:
 * `crc32c(b, crc32c(a))` is the CRC of a followed by b, and the CRC of nothing is 0.
 */
export type Crc32c = (bytes: Uint8Array, seed: number, from?: number, to?: number) => number;

const POLYNOMIAL = 0x82f63b78;

/** Eight tables of 256: table k advances a byte through k more zero bytes (slicing by eight). */
const TABLES = new Int32Array(8 * 256);
for (let n = 0; n < 256; n++) {
  let value = n;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  TABLES[n] = value;
}
for (let n = 0; n < 256; n++) {
  for (let k = 1; k < 8; k++) {
    const previous = TABLES[(k - 1) * 256 + n]!;
    TABLES[k * 256 + n] = (previous >>> 8) ^ TABLES[previous & 0xff]!;
  }
}

/** The CRC of bytes[from, to), all of them when left out, continued from `seed` (0 at the start). Unsigned 32 bits. */
export function crc32c(bytes: Uint8Array, seed = 0, from = 0, to = bytes.length): number {
  const t = TABLES;
  let crc = ~seed;
  let i = from;
  for (const last = to - 7; i < last; i += 8) {
    const low =
      crc ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
    crc =
      t[1792 + (low & 0xff)]! ^
      t[1536 + ((low >>> 8) & 0xff)]! ^
      t[1280 + ((low >>> 16) & 0xff)]! ^
      t[1024 + (low >>> 24)]! ^
      t[768 + bytes[i + 4]!]! ^
      t[512 + bytes[i + 5]!]! ^
      t[256 + bytes[i + 6]!]! ^
      t[bytes[i + 7]!]!;
  }
  for (; i < to; i++) crc = (crc >>> 8) ^ t[(crc ^ bytes[i]!) & 0xff]!;
  return ~crc >>> 0;
}

/** What the four lowest bits become when a polynomial is multiplied by x^4 (reflected: shifted right by four). */
const REDUCED = new Int32Array(16);
for (let n = 0; n < 16; n++) {
  let value = n;
  for (let bit = 0; bit < 4; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  REDUCED[n] = value;
}

/** b times each polynomial of degree three or less: filled anew by every multiplication. */
const multiples = new Int32Array(16);

/** a × b in GF(2)[x] modulo the polynomial, both reflected (bit 31 is x^0), four bits of a at a time. */
function multiply(a: number, b: number): number {
  for (let bit = 8; bit >= 1; bit >>= 1) {
    multiples[bit] = b;
    for (let more = bit << 1; more < 16; more += bit << 1)
      multiples[bit | more] = multiples[more]! ^ b;
    b = b & 1 ? (b >>> 1) ^ POLYNOMIAL : b >>> 1;
  }
  let product = 0;
  for (let shift = 0; shift < 32; shift += 4)
    product = (product >>> 4) ^ REDUCED[product & 15]! ^ multiples[(a >>> shift) & 15]!;
  return product;
}

/** x^(8·2^k) for k = 0..52: one power for each bit of a byte length. */
const BYTE_POWERS = new Int32Array(53);
{
  let power = 0x00800000; // x^8
  for (let k = 0; k < BYTE_POWERS.length; k++) {
    BYTE_POWERS[k] = power;
    power = multiply(power, power);
  }
}

/** Small lengths repeat endlessly (rows of one database look alike): their powers are kept. */
const KEPT = 1 << 16;
const keptPowers = new Int32Array(KEPT);

function powerOf(length: number): number {
  if (length < KEPT && keptPowers[length] !== 0) return keptPowers[length]!;
  let power = 1 << 31; // x^0
  for (let k = 0, rest = length; rest > 0; k++, rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) power = multiply(power, BYTE_POWERS[k]!);
  }
  if (length < KEPT) keptPowers[length] = power;
  return power;
}

/**
 * The CRC of A followed by B, from the CRC of A, the CRC of B and the length of B in bytes
 * (shift A's polynomial by B's length, then add).
 */
export function combineCrc32c(crcA: number, crcB: number, lengthB: number): number {
  return (shiftCrc32c(crcA, lengthB) ^ crcB) >>> 0;
}

/**
 * A CRC shifted past `length` further bytes. It is its own undoing as well: the CRC of a part B is
 * `shift(crc(A), B.length) ^ crc(A followed by B)`.
 */
export function shiftCrc32c(crc: number, length: number): number {
  return crc === 0 ? 0 : multiply(powerOf(length), crc) >>> 0;
}
