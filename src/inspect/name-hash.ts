/**
 * HalfSipHash-1-3: a 32-bit hash of short byte strings that nobody can make collide without knowing its 64-bit key.
 * Tables of keys that strangers chose need that: with a plain hash they choose keys that cost quadratic time.
 */
export class NameHash {
  readonly #k0: number;
  readonly #k1: number;

  /** @param k0 @param k1 32 random bits each */
  constructor(k0: number, k1: number) {
    this.#k0 = k0;
    this.#k1 = k1;
  }

  /** Of the 32-bit number `group` followed by bytes[at, at + length); unsigned. */
  of(group: number, bytes: Uint8Array, at: number, length: number): number {
    let v0 = this.#k0;
    let v1 = this.#k1;
    let v2 = this.#k0 ^ 0x6c796765;
    let v3 = this.#k1 ^ 0x74656462;
    const end = at + length;
    const last = (length + 4) << 24;
    let word = group | 0;
    // One word a round: the group, whole words, what is left with the length, and three closing rounds.
    for (let rest = 3; ;) {
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
      if (at + 4 <= end) {
        word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
        at += 4;
      } else if (at <= end) {
        word = last;
        for (let shift = 0; at < end; at++, shift += 8) word |= bytes[at]! << shift;
        at = end + 1;
      } else {
        if (rest === 3) v2 ^= 0xff;
        if (rest-- === 0) return (v1 ^ v3) >>> 0;
        word = 0;
      }
    }
  }
}
