import { compareBytes, concatBytes, toHex } from "../format/bytes.ts";
import { encodeRevision } from "../format/mvcc/revision.ts";
import type { Candidates } from "./candidates.ts";
import { ELEMENT_KEY, KIND, MAIN, type ElementTable } from "./elements.ts";

/** Whether an element, of a leaf or a branch, has a revision as its key. */
export function isRow(table: ElementTable, index: number): boolean {
  return (table.get(index, ELEMENT_KEY.KIND) & KIND.MASK) <= KIND.TOMBSTONE;
}

/**
 * Bytewise order of two elements' keys, each of a leaf or a branch: negative, zero or positive. Two rows compare as
 * numbers. NaN, which no comparison holds for, where a key was not kept.
 */
export function compareKeys(
  candidates: Candidates,
  tableA: ElementTable,
  a: number,
  tableB: ElementTable,
  b: number,
): number {
  if (isRow(tableA, a) && isRow(tableB, b)) {
    return (
      tableA.high(a, MAIN) - tableB.high(b, MAIN) ||
      tableA.low(a, MAIN) - tableB.low(b, MAIN) ||
      tableA.get(a, ELEMENT_KEY.SUB) - tableB.get(b, ELEMENT_KEY.SUB) ||
      suffixOf(tableA, a) - suffixOf(tableB, b)
    );
  }
  const left = keyBytes(candidates, tableA, a);
  const right = keyBytes(candidates, tableB, b);
  return left === undefined || right === undefined ? NaN : compareBytes(left, right);
}

/** A row's 18th key byte + 1; 0 when it has 17. */
function suffixOf(table: ElementTable, index: number): number {
  return table.get(index, ELEMENT_KEY.KIND) >>> KIND.SUFFIX_SHIFT;
}

function keyBytes(
  candidates: Candidates,
  table: ElementTable,
  index: number,
): Uint8Array | undefined {
  if (!isRow(table, index)) return candidates.keptKey(index, table);
  const sub = BigInt(table.get(index, ELEMENT_KEY.SUB));
  const put = encodeRevision({ main: mainRevision(table, index), sub });
  const suffix = suffixOf(table, index);
  return suffix === 0 ? put : concatBytes([put, Uint8Array.of(suffix - 1)]);
}

/** For a finding: an element's key in hexadecimal, as far as it is known. */
export function keyHex(candidates: Candidates, table: ElementTable, index: number): string {
  const bytes = keyBytes(candidates, table, index);
  return bytes === undefined ? "(not kept)" : toHex(bytes);
}

/** The main revision of a row, exact. */
export function mainRevision(table: ElementTable, index: number): bigint {
  return (BigInt(table.high(index, MAIN)) << 32n) | BigInt(table.low(index, MAIN));
}
