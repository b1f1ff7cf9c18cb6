/**
 * The key of a row in the key bucket: `main u64 BE, '_', sub u64 BE`, and `t` after it for a tombstone.
 * Its bytewise order is revision order.
 */
import { concatBytes, u64be, u64beBytes } from "../bytes.ts";

export const REVISION_BYTES = 17;
export const TOMBSTONE_BYTES = 18;
export const SEPARATOR = 0x5f;
export const TOMBSTONE_MARK = 0x74;

export interface Revision {
  /** The transaction's number: one for each that changed something. */
  readonly main: bigint;
  /** The change's number inside its transaction, from 0. */
  readonly sub: bigint;
}

/** The revision in a row's key, or why there is none, in words. */
export function decodeRevision(key: Uint8Array): Revision | string {
  if (key.length !== REVISION_BYTES && key.length !== TOMBSTONE_BYTES)
    return `its key has ${key.length} bytes, wanted 17 or 18`;
  if (key[8] !== SEPARATOR) return `its key has byte ${key[8]} at 8, wanted '_'`;
  const main = u64be(key, 0);
  const sub = u64be(key, 9);
  if (main >> 63n !== 0n || sub >> 63n !== 0n) return "its revision is negative";
  return { main, sub };
}

/** Whether a row's key marks a deletion. */
export function isTombstone(key: Uint8Array): boolean {
  return key.length === TOMBSTONE_BYTES && key[REVISION_BYTES] === TOMBSTONE_MARK;
}

/** The key of a row that holds a value. */
export function encodeRevision(revision: Revision): Uint8Array {
  return concatBytes([
    u64beBytes(revision.main),
    Uint8Array.of(SEPARATOR),
    u64beBytes(revision.sub),
  ]);
}
