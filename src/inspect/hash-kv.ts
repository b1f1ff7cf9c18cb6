import { HoldfastError } from "../errors.ts";
import { textBytes } from "../format/bytes.ts";
import type { Crc32c } from "../format/crc32c.ts";
import { appendLeafCrc } from "./buckets.ts";
import { RUN, runCount, type Candidates } from "./candidates.ts";
import { isRow } from "./element-key.ts";
import { ELEMENT, KIND, MAIN } from "./elements.ts";
import type { History } from "./history.ts";
import type { HashKV } from "./report.ts";

/** What a HashKV is computed over. */
export interface HashScope {
  readonly candidates: Candidates;
  /** Leaf runs of the key bucket, in order. */
  readonly leaves: Iterable<number>;
  /** -1n when nothing was compacted. */
  readonly compactRevision: bigint;
  readonly headRevision: bigint;
  /** Of all rows, up to the head. */
  readonly history: History;
  readonly crc32c: Crc32c;
}

/**
 * HashKV at `revision` (the head when left out), as a server with this history answers: CRC-32C over "key" and every
 * row up to the revision, of those below the compaction only the newest of each key, and no tombstone at it.
 * Throws "revision-compacted" or "revision-in-future".
 */
export function hashKV(scope: HashScope, revision = scope.headRevision): HashKV {
  const { candidates, compactRevision } = scope;
  if (revision < compactRevision)
    throw new HoldfastError(
      "revision-compacted",
      `required revision ${revision} has been compacted: the history begins at ${compactRevision}`,
    );
  if (revision > scope.headRevision)
    throw new HoldfastError(
      "revision-in-future",
      `required revision ${revision} is a future revision: the head is ${scope.headRevision}`,
    );
  const latest = revision === scope.headRevision ? undefined : newestRows(scope, revision);
  const newest = (key: number): number =>
    latest === undefined ? scope.history.latest[key]! : latest.rows[key]!;
  const isEmpty = latest === undefined ? scope.history.liveKeys === 0 : latest.isEmpty;
  const limit = new RevisionLimit(candidates, revision);
  const compacted = new RevisionLimit(candidates, compactRevision);
  const keep = (index: number): boolean => {
    if (!limit.covers(index)) return false;
    if (!compacted.covers(index)) return true;
    const kind = candidates.elements.get(index, ELEMENT.KIND) & KIND.MASK;
    if (kind === KIND.TOMBSTONE && compacted.isAt(index)) return false;
    const key = candidates.elements.get(index, ELEMENT.KEY);
    return isEmpty || (kind === KIND.PUT && newest(key) === index + 1);
  };
  let crc = scope.crc32c(textBytes("key"), 0);
  for (const run of scope.leaves) {
    const isKeptWhole = isBetween(candidates, run, compacted, limit);
    crc = appendLeafCrc(candidates, crc, run, isKeptWhole ? undefined : keep);
  }
  return { hash: crc, revision, compactRevision };
}

/** Whether a leaf's rows are all above one revision and not above another: they ascend, as the tree walk has found. */
function isBetween(
  { runs, elements }: Candidates,
  run: number,
  above: RevisionLimit,
  upTo: RevisionLimit,
): boolean {
  const first = runs.get(run, RUN.FIRST);
  const count = runCount(runs, run);
  return (
    count > 0 && isRow(elements, first) && !above.covers(first) && upTo.covers(first + count - 1)
  );
}

/** Per key its newest row up to `revision`, where that is a put (element + 1, else 0). */
function newestRows(scope: HashScope, revision: bigint): { rows: Uint32Array; isEmpty: boolean } {
  const { candidates } = scope;
  const { runs, elements } = candidates;
  const limit = new RevisionLimit(candidates, revision);
  const rows = new Uint32Array(candidates.keys.length);
  let kept = 0;
  for (const run of scope.leaves) {
    const first = runs.get(run, RUN.FIRST);
    const end = first + runCount(runs, run);
    for (let index = first; index < end; index++) {
      const kind = elements.get(index, ELEMENT.KIND);
      if ((kind & KIND.UNREADABLE) !== 0 || !limit.covers(index)) continue;
      const key = elements.get(index, ELEMENT.KEY);
      const isPut = (kind & KIND.MASK) === KIND.PUT;
      if (isPut !== (rows[key] !== 0)) kept += isPut ? 1 : -1;
      rows[key] = isPut ? index + 1 : 0;
    }
  }
  return { rows, isEmpty: kept === 0 };
}

/** Compares rows' main revisions with a fixed one, without a bigint a row. */
class RevisionLimit {
  readonly #candidates: Candidates;
  readonly #hi: number;
  readonly #lo: number;

  constructor(candidates: Candidates, revision: bigint) {
    this.#candidates = candidates;
    this.#hi = revision < 0n ? -1 : Number(revision >> 32n);
    this.#lo = Number(BigInt.asUintN(32, revision));
  }

  /** Whether element `index` is a row at or below the revision. */
  covers(index: number): boolean {
    const { elements } = this.#candidates;
    if ((elements.get(index, ELEMENT.KIND) & KIND.MASK) > KIND.TOMBSTONE) return false;
    const hi = elements.high(index, MAIN);
    return hi < this.#hi || (hi === this.#hi && elements.low(index, MAIN) <= this.#lo);
  }

  isAt(index: number): boolean {
    const { elements } = this.#candidates;
    return elements.high(index, MAIN) === this.#hi && elements.low(index, MAIN) === this.#lo;
  }
}
