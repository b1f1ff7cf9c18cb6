import { decodeRevision } from "../format/mvcc/revision.ts";
import { toHex } from "../format/bytes.ts";
import type { Finding } from "../format/finding.ts";
import { int64 } from "../format/mvcc/key-value.ts";
import { isBucket } from "./buckets.ts";
import { RUN, runCount, type Candidates } from "./candidates.ts";
import type { Contents } from "./contents.ts";
import type { FindingCode } from "./finding-codes.ts";
import type { Findings } from "./findings.ts";
import { mainRevision } from "./element-key.ts";
import { CREATE, ELEMENT, KIND, MAIN } from "./elements.ts";

/** What the rows of the key bucket add up to. */
export interface History {
  readonly rows: number;
  readonly liveKeys: number;
  readonly tombstones: number;
  /** The last row's revision; 0n without rows. */
  readonly lastRevision: bigint;
  /** Per user key the element of its newest row + 1; 0: no row is live in the tree. */
  readonly latest: Uint32Array;
}

/** Walks the rows in revision order: what a server would read at boot, and whether one row follows from the last. */
export function readHistory(
  candidates: Candidates,
  leaves: Iterable<number>,
  contents: Contents,
  pageSize: number,
  findings: Findings,
): History {
  const reader = new HistoryReader(candidates, contents, pageSize, findings);
  for (const run of leaves) reader.readLeaf(run);
  return reader.finish();
}

class HistoryReader {
  readonly #candidates: Candidates;
  readonly #contents: Contents;
  readonly #findings: Findings;
  readonly #pageSize: number;
  readonly #latest: Uint32Array;
  readonly #compactHi: number;
  readonly #compactLo: number;
  #rows = 0;
  #tombstones = 0;
  #live = 0;
  #lastHi = 0;
  #lastLo = 0;
  #page = 0;

  constructor(candidates: Candidates, contents: Contents, pageSize: number, findings: Findings) {
    this.#candidates = candidates;
    this.#contents = contents;
    this.#findings = findings;
    this.#pageSize = pageSize;
    this.#latest = new Uint32Array(candidates.keys.length);
    const compact = contents.compactRevision < 0n ? 0n : contents.compactRevision;
    this.#compactHi = Number(compact >> 32n);
    this.#compactLo = Number(compact & 0xffffffffn);
  }

  readLeaf(run: number): void {
    const { runs, elements } = this.#candidates;
    this.#page = runs.get(run, RUN.PAGE);
    const first = runs.get(run, RUN.FIRST);
    const end = first + runCount(runs, run);
    for (let index = first; index < end; index++) {
      const kind = elements.get(index, ELEMENT.KIND);
      if ((kind & KIND.MASK) <= KIND.TOMBSTONE) this.#readRow(index, kind);
      else if (!isBucket(this.#candidates, index)) this.#refuseKey(index);
    }
  }

  finish(): History {
    if (this.#candidates.leased.length > 0) this.#checkLeases();
    return {
      rows: this.#rows,
      liveKeys: this.#live,
      tombstones: this.#tombstones,
      lastRevision: int64(this.#lastHi, this.#lastLo),
      latest: this.#latest,
    };
  }

  #readRow(index: number, kind: number): void {
    const { elements } = this.#candidates;
    this.#rows++;
    const hi = elements.high(index, MAIN);
    const lo = elements.low(index, MAIN);
    const isPut = (kind & KIND.MASK) === KIND.PUT;
    if (!isPut) this.#tombstones++;
    this.#checkSequence(index, hi, lo);
    this.#lastHi = hi;
    this.#lastLo = lo;
    if ((kind & KIND.UNREADABLE) !== 0) return this.#refuseValue(index, kind);
    const key = elements.get(index, ELEMENT.KEY);
    const previous = this.#latest[key]! - 1;
    const wasLive = previous >= 0 && this.#isPut(previous);
    if (wasLive && this.#isSameRevision(previous, index)) this.#refuseRepetition(index);
    if (isPut !== wasLive) this.#live += isPut ? 1 : -1;
    if (isPut) this.#checkPut(index, kind, previous, wasLive);
    else if (!wasLive && this.#isAfterCompaction(hi, lo))
      this.#tell("row-version", index, "a deletion of a key that does not exist");
    this.#latest[key] = index + 1;
  }

  #isPut(index: number): boolean {
    return (this.#candidates.elements.get(index, ELEMENT.KIND) & KIND.MASK) === KIND.PUT;
  }

  #isSameRevision(a: number, b: number): boolean {
    const { elements } = this.#candidates;
    return (
      elements.low(a, MAIN) === elements.low(b, MAIN) &&
      elements.high(a, MAIN) === elements.high(b, MAIN) &&
      elements.get(a, ELEMENT.SUB) === elements.get(b, ELEMENT.SUB)
    );
  }

  #isAfterCompaction(hi: number, lo: number): boolean {
    return hi > this.#compactHi || (hi === this.#compactHi && lo > this.#compactLo);
  }

  /** Above the compaction every transaction is there: main revisions follow without a gap, subs count from 0. */
  #checkSequence(index: number, hi: number, lo: number): void {
    if (!this.#isAfterCompaction(hi, lo)) return;
    const { elements } = this.#candidates;
    const sub = elements.get(index, ELEMENT.SUB);
    if (hi === this.#lastHi && lo === this.#lastLo) {
      if (sub !== elements.get(this.#previousRow, ELEMENT.SUB) + 1)
        this.#tell("revision-gap", index, `found change ${sub} of its transaction out of turn`);
    } else {
      // Revision 1 is the empty store: the first row of all is revision 2.
      const before = this.#isAfterCompaction(this.#lastHi, this.#lastLo);
      const fromHi = before ? this.#lastHi : this.#compactHi;
      const fromLo = before ? this.#lastLo : Math.max(this.#compactLo, fromHi === 0 ? 1 : 0);
      const isNext =
        lo === 0 ? hi === fromHi + 1 && fromLo === 0xffff_ffff : hi === fromHi && lo === fromLo + 1;
      if (!isNext || sub !== 0)
        this.#tell(
          "revision-gap",
          index,
          `wanted revision ${int64(fromHi, fromLo) + 1n} change 0 here`,
        );
    }
    this.#previousRow = index;
  }

  #previousRow = 0;

  /** A put continues its key's generation, or begins one; below the compaction the rows before it may be gone. */
  #checkPut(index: number, kind: number, previous: number, wasLive: boolean): void {
    const { elements } = this.#candidates;
    if (elements.get(index, ELEMENT.SIZE) === 17) return; // what a revision bump leaves: an empty value
    if ((kind & KIND.OTHER_REVISION) !== 0)
      this.#tell("row-revision", index, "its value names another revision than its key");
    const hi = elements.high(index, MAIN);
    const lo = elements.low(index, MAIN);
    if ((kind & KIND.WIDE_VERSION) !== 0 || !this.#isAfterCompaction(hi, lo)) return;
    const version = elements.get(index, ELEMENT.VERSION);
    const createHi = elements.high(index, CREATE);
    const createLo = elements.low(index, CREATE);
    const isSound = wasLive
      ? version === elements.get(previous, ELEMENT.VERSION) + 1 &&
        createHi === elements.high(previous, CREATE) &&
        createLo === elements.low(previous, CREATE)
      : version === 1 && createHi === hi && createLo === lo;
    if (!isSound)
      this.#tell(
        "row-version",
        index,
        `version ${version} does not follow from the key's row before`,
      );
  }

  #checkLeases(): void {
    for (const [index, lease] of this.#candidates.leases()) {
      const key = this.#candidates.elements.get(index, ELEMENT.KEY);
      const isLatest = key < this.#latest.length && this.#latest[key] === index + 1;
      if (isLatest && this.#isPut(index) && !this.#contents.leases.has(lease))
        this.#tell(
          "lease-unknown",
          index,
          `its lease ${BigInt.asUintN(64, lease).toString(16)} is not in bucket "lease": the key would stay for ever`,
        );
    }
  }

  #where(index: number): { page: number; offset: number; bucket: string; key: string } {
    const { elements } = this.#candidates;
    const main = mainRevision(this.#candidates.elements, index).toString(16).padStart(16, "0");
    const sub = elements.get(index, ELEMENT.SUB).toString(16).padStart(16, "0");
    const suffix = elements.get(index, ELEMENT.KIND) >>> KIND.SUFFIX_SHIFT;
    const tail = suffix === 0 ? "" : (suffix - 1).toString(16).padStart(2, "0");
    return {
      page: this.#page,
      offset: this.#page * this.#pageSize,
      bucket: "key",
      key: `${main}5f${sub}${tail}`,
    };
  }

  /** Only a row with 17 bytes of key and one with 18 can be there at once. */
  #refuseRepetition(index: number): void {
    const text = "a second change of the key at the same revision: a server would not start";
    this.#tell("row-version", index, text, "error");
  }

  #tell(code: FindingCode, index: number, text: string, severity?: Finding["severity"]): void {
    const { keys, elements } = this.#candidates;
    const revision = mainRevision(elements, index);
    const isReadable = (elements.get(index, ELEMENT.KIND) & KIND.UNREADABLE) === 0;
    const name = isReadable ? ` of "${keys.text(elements.get(index, ELEMENT.KEY))}"` : "";
    this.#findings.add(code, this.#where(index), `revision ${revision}${name}: ${text}`, severity);
  }

  #refuseValue(index: number, kind: number): void {
    const revision = mainRevision(this.#candidates.elements, index);
    if ((kind & KIND.NOT_EXAMINED) !== 0) {
      const text = `the key of revision ${revision} is longer than any that was examined`;
      return this.#findings.add("not-examined", this.#where(index), text);
    }
    const text = `the value of revision ${revision} is no KeyValue: a server would not start`;
    this.#findings.add("row-value", this.#where(index), text);
  }

  #refuseKey(index: number): void {
    const key = this.#candidates.keptKey(index);
    const decoded = key === undefined ? "its key is too long" : decodeRevision(key);
    const text =
      typeof decoded === "string" ? decoded : `its change ${decoded.sub} is out of range`;
    const where = { page: this.#page, offset: this.#page * this.#pageSize, bucket: "key" };
    const hex = key === undefined ? {} : { key: toHex(key) };
    this.#findings.add(
      "row-key",
      { ...where, ...hex },
      `a row of bucket "key" has no revision: ${text}`,
    );
  }
}
