import { concatBytes } from "../format/bytes.ts";
import { KeyValueFields } from "../format/mvcc/key-value.ts";

/**
 * What is read in one piece at most; of what is longer only what is around its value. etcd's own limit for a request is
 * 1.5 MiB, seldom raised to tens.
 */
export const LONGEST_PIECE = 64 << 20;

/** What a row may have in front of its value and behind it, to be read without it: revisions, the user key, a lease. */
export const AROUND_VALUE = 64 << 10;

const EMPTY_VALUE = Uint8Array.of((5 << 3) | 2, 0);

/**
 * From the first bytes of a row, key included, whose value is longer than they are: the row up to the value, to which an
 * empty one was added, and where behind the row's start the value ends. undefined where no value begins in them.
 */
export function aroundValue(
  head: Uint8Array,
  keySize: number,
): { before: Uint8Array; behind: number } | undefined {
  const fields = new KeyValueFields();
  fields.decode(head, keySize, head.length);
  if (fields.valueBeyond === 0) return undefined;
  const before = concatBytes([head.subarray(0, fields.stoppedAt), EMPTY_VALUE]);
  return { before, behind: head.length + fields.valueBeyond };
}
