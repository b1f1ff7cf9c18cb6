import { compareBytes, concatBytes, toHex } from "../format/bytes.ts";
import { encodeRevision } from "../format/mvcc/revision.ts";
import { ELEMENT_KEY, KIND, type Candidates } from "./candidates.ts";
import type { WordTable } from "./words.ts";

/** Whether an element, of a leaf or a branch, has a revision as its key. */
export function isRow(table: WordTable, index: number): boolean {
  return (table.get(index, ELEMENT_KEY.KIND) & KIND.MASK) <= KIND.TOMBSTONE;
}

/**
 * Bytewise order of two elements' keys, each of a leaf or a branch: negative, zero or positive. Two rows compare as
 * numbers. NaN, which no comparison holds for, where a key was not kept.
 */
export function compareKeys(
  candidates: Candidates,
  tableA: WordTable,
  a: number,
  tableB: WordTable,
  b: number,
): number {
  if (isRow(tableA, a) && isRow(tableB, b)) {
    for (let word: number = ELEMENT_KEY.MAIN_HI; word <= ELEMENT_KEY.SUB; word++) {
      const difference = tableA.get(a, word) - tableB.get(b, word);
      if (difference !== 0) return difference;
    }
    return suffixOf(tableA, a) - suffixOf(tableB, b);
  }
  const left = keyBytes(candidates, tableA, a);
  const right = keyBytes(candidates, tableB, b);
  return left === undefined || right === undefined ? NaN : compareBytes(left, right);
}

/** A row's 18th key byte + 1; 0 when it has 17. */
function suffixOf(table: WordTable, index: number): number {
  return table.get(index, ELEMENT_KEY.KIND) >>> KIND.SUFFIX_SHIFT;
}

function keyBytes(candidates: Candidates, table: WordTable, index: number): Uint8Array | undefined {
  if (!isRow(table, index)) return candidates.keptKey(index, table);
  const sub = BigInt(table.get(index, ELEMENT_KEY.SUB));
  const put = encodeRevision({ main: mainRevision(table, index), sub });
  const suffix = suffixOf(table, index);
  return suffix === 0 ? put : concatBytes([put, Uint8Array.of(suffix - 1)]);
}

/** For a finding: an element's key in hexadecimal, as far as it is known. */
export function keyHex(candidates: Candidates, table: WordTable, index: number): string {
  const bytes = keyBytes(candidates, table, index);
  return bytes === undefined ? "(not kept)" : toHex(bytes);
}

/** The main revision of a row, exact. */
export function mainRevision(table: WordTable, index: number): bigint {
  return (
    (BigInt(table.get(index, ELEMENT_KEY.MAIN_HI)) << 32n) |
    BigInt(table.get(index, ELEMENT_KEY.MAIN_LO))
  );
}
