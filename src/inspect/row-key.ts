import { compareBytes, concatBytes, toHex } from "../format/bytes.ts";
import { encodeRevision } from "../format/mvcc/revision.ts";
import { BRANCH_ELEMENT, ELEMENT, KIND, type Candidates } from "./candidates.ts";

/** A bbolt key as the tree walk compares it: numbers for a row, bytes for anything else. */
export type TreeKey =
  | {
      readonly row: true;
      readonly hi: number;
      readonly lo: number;
      readonly sub: number;
      readonly suffix: number;
    }
  | { readonly row: false; readonly bytes: Uint8Array | undefined };

/** The key of a leaf element; its bytes are undefined when they were not kept. */
export function elementKey(candidates: Candidates, index: number): TreeKey {
  const { elements } = candidates;
  const kind = elements.get(index, ELEMENT.KIND);
  if ((kind & KIND.MASK) > KIND.TOMBSTONE) return { row: false, bytes: candidates.keptKey(index) };
  return {
    row: true,
    hi: elements.get(index, ELEMENT.MAIN_HI),
    lo: elements.get(index, ELEMENT.MAIN_LO),
    sub: elements.get(index, ELEMENT.SUB),
    suffix: kind >>> KIND.SUFFIX_SHIFT,
  };
}

/** The key of a branch element. */
export function branchKey(candidates: Candidates, index: number): TreeKey {
  const { branches } = candidates;
  const kind = branches.get(index, BRANCH_ELEMENT.KIND);
  const hi = branches.get(index, BRANCH_ELEMENT.MAIN_HI);
  const lo = branches.get(index, BRANCH_ELEMENT.MAIN_LO);
  if ((kind & KIND.MASK) === KIND.OTHER)
    return { row: false, bytes: hi === 0xffff_ffff ? undefined : candidates.kept.read(hi, lo) };
  return {
    row: true,
    hi,
    lo,
    sub: branches.get(index, BRANCH_ELEMENT.SUB),
    suffix: kind >>> KIND.SUFFIX_SHIFT,
  };
}

/** Bytewise order: negative, zero or positive. A key that was not kept counts as in order. */
export function compareKeys(a: TreeKey, b: TreeKey): number {
  if (a.row && b.row) return a.hi - b.hi || a.lo - b.lo || a.sub - b.sub || a.suffix - b.suffix;
  const left = keyBytes(a);
  const right = keyBytes(b);
  return left === undefined || right === undefined ? -1 : compareBytes(left, right);
}

function keyBytes(key: TreeKey): Uint8Array | undefined {
  if (!key.row) return key.bytes;
  const main = (BigInt(key.hi) << 32n) | BigInt(key.lo);
  const put = encodeRevision({ main, sub: BigInt(key.sub) });
  return key.suffix === 0 ? put : concatBytes([put, Uint8Array.of(key.suffix - 1)]);
}

/** For a finding: the key in hexadecimal, as far as it is known. */
export function keyHex(key: TreeKey): string {
  const bytes = keyBytes(key);
  return bytes === undefined ? "(not kept)" : toHex(bytes);
}

/** The main revision of a row, exact. */
export function mainRevision(candidates: Candidates, index: number): bigint {
  const { elements } = candidates;
  return (
    (BigInt(elements.get(index, ELEMENT.MAIN_HI)) << 32n) |
    BigInt(elements.get(index, ELEMENT.MAIN_LO))
  );
}
