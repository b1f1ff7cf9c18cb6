/**
 * `mvccpb.KeyValue`, the value of a row in the key bucket.
 *
 * ```
 * 1 bytes key   2 int64 create_revision   3 int64 mod_revision   4 int64 version   5 bytes value   6 int64 lease
 * ```
 * Zero fields are left out; a tombstone holds the key only; the row a revision bump leaves is empty.
 */
import { HoldfastError } from "../../errors.ts";

export interface KeyValue {
  readonly key: Uint8Array;
  readonly createRevision: bigint;
  readonly modRevision: bigint;
  readonly version: bigint;
  readonly value: Uint8Array;
  /** Lease id, signed; 0n for none. */
  readonly lease: bigint;
}

/** The KeyValue in `bytes` (key and value are views). Throws "malformed-message". */
export function decodeKeyValue(bytes: Uint8Array): KeyValue {
  const fields = new KeyValueFields();
  if (!fields.decode(bytes, 0, bytes.length)) {
    throw new HoldfastError(
      "malformed-message",
      `cannot parse a row's value as KeyValue: it breaks off or repeats another format at offset ${fields.stoppedAt} of ${bytes.length}`,
    );
  }
  return {
    key: bytes.subarray(fields.keyAt, fields.keyAt + fields.keyLength),
    createRevision: int64(fields.createHi, fields.createLo),
    modRevision: int64(fields.modHi, fields.modLo),
    version: int64(fields.versionHi, fields.versionLo),
    value: bytes.subarray(fields.valueAt, fields.valueAt + fields.valueLength),
    lease: int64(fields.leaseHi, fields.leaseLo),
  };
}

/** etcd knows six. The scan takes a value for no more work than its first 4096 bytes, and so many hold these. */
const MOST_FIELDS = 2048;

const START_GROUP = 3;
const END_GROUP = 4;

/** A signed 64-bit value of two unsigned halves. */
export function int64(hi: number, lo: number): bigint {
  return BigInt.asIntN(64, (BigInt(hi) << 32n) | BigInt(lo));
}

/**
 * The same decoder without a single allocation, for millions of rows: one instance is filled again and again.
 * Integers come in unsigned halves (`Hi`, `Lo`), bytes as positions.
 */
export class KeyValueFields {
  keyAt = 0;
  keyLength = 0;
  createHi = 0;
  createLo = 0;
  modHi = 0;
  modLo = 0;
  versionHi = 0;
  versionLo = 0;
  valueAt = 0;
  valueLength = 0;
  leaseHi = 0;
  leaseLo = 0;
  /** After a refusal: where. */
  stoppedAt = 0;
  /** After a refusal for a value that goes beyond the end: by how many bytes. */
  valueBeyond = 0;

  #hi = 0;
  #lo = 0;
  #passed = 0;

  /**
   * Fills the fields from bytes[at, end); false when they are no KeyValue. Unknown fields and groups of them are passed
   * over, as etcd does, but no more than MOST_FIELDS: a decoding never costs more than a short while, however long the
   * value is.
   */
  decode(bytes: Uint8Array, at: number, end: number): boolean {
    this.keyAt = this.valueAt = at;
    this.keyLength = this.valueLength = this.valueBeyond = 0;
    this.createHi = this.createLo = this.modHi = this.modLo = 0;
    this.versionHi = this.versionLo = this.leaseHi = this.leaseLo = 0;
    for (let fields = 0; at < end; fields++) {
      this.stoppedAt = at;
      at = this.#varint(bytes, at, end);
      if (at < 0 || this.#hi !== 0 || fields === MOST_FIELDS) return false;
      const field = this.#lo >>> 3;
      const wire = this.#lo & 7;
      if (field === 0) return false;
      if (field <= 6 && wire !== (field === 1 || field === 5 ? 2 : 0)) return false;
      if (wire === 1 || wire === 5) {
        at += wire === 1 ? 8 : 4;
        if (at > end) return false;
        continue;
      }
      if (wire === START_GROUP) {
        at = this.#passGroup(bytes, at, end, MOST_FIELDS - fields - 1);
        if (at < 0) return false;
        fields += this.#passed;
        continue;
      }
      if (wire !== 0 && wire !== 2) return false;
      at = this.#varint(bytes, at, end);
      if (at < 0) return false;
      if (wire === 2) {
        if (this.#hi !== 0) return false;
        if (this.#lo > end - at) {
          if (field === 5) this.valueBeyond = this.#lo - (end - at);
          return false;
        }
        this.#keepBytes(field, at, this.#lo);
        at += this.#lo;
      } else this.#keepNumber(field);
    }
    return true;
  }

  /**
   * Passes over a group, and those in it, from behind its tag on: the position behind its end, or -1 where there is none
   * within `most` fields. `#passed` is the number of them.
   */
  #passGroup(bytes: Uint8Array, at: number, end: number, most: number): number {
    this.#passed = 0;
    for (let depth = 1; depth > 0;) {
      if (++this.#passed > most) return -1;
      at = this.#varint(bytes, at, end);
      const wire = this.#lo & 7;
      if (at < 0 || this.#hi !== 0 || this.#lo < 8 || wire > 5) return -1;
      if (wire === START_GROUP) depth++;
      else if (wire === END_GROUP) depth--;
      else if (wire === 1 || wire === 5) at += wire === 1 ? 8 : 4;
      else {
        at = this.#varint(bytes, at, end);
        if (at < 0) return -1;
        if (wire === 2 && (this.#hi !== 0 || this.#lo > end - at)) return -1;
        if (wire === 2) at += this.#lo;
      }
      if (at > end) return -1;
    }
    return at;
  }

  #keepBytes(field: number, at: number, length: number): void {
    if (field === 1) {
      this.keyAt = at;
      this.keyLength = length;
    } else if (field === 5) {
      this.valueAt = at;
      this.valueLength = length;
    }
  }

  #keepNumber(field: number): void {
    if (field === 2) {
      this.createHi = this.#hi;
      this.createLo = this.#lo;
    } else if (field === 3) {
      this.modHi = this.#hi;
      this.modLo = this.#lo;
    } else if (field === 4) {
      this.versionHi = this.#hi;
      this.versionLo = this.#lo;
    } else if (field === 6) {
      this.leaseHi = this.#hi;
      this.leaseLo = this.#lo;
    }
  }

  /** Reads a varint into two halves; the position after it, or -1 when it is cut off or too long. */
  #varint(bytes: Uint8Array, at: number, end: number): number {
    let lo = 0;
    let hi = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= end) return -1;
      const byte = bytes[at++]!;
      const part = byte & 0x7f;
      if (shift < 28) lo |= part << shift;
      else if (shift === 28) {
        lo |= part << 28;
        hi |= part >>> 4;
      } else hi |= part << (shift - 32);
      if (byte < 0x80) {
        this.#lo = lo >>> 0;
        this.#hi = hi >>> 0;
        return at;
      }
    }
    return -1;
  }
}
