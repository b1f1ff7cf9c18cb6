import { BRANCH, FREELIST, LEAF } from "../format/bbolt/page.ts";
import type { Meta } from "../format/bbolt/meta.ts";
import { BRANCH_ELEMENT, ELEMENT, FAULT, KIND, PAGE, RUN, type Candidates } from "./candidates.ts";
import type { Findings } from "./findings.ts";
import { branchKey, compareKeys, elementKey, keyHex, type TreeKey } from "./row-key.ts";
import { REASON } from "./scan.ts";

/** A page still to visit, and the keys its own must lie between. */
interface Visit {
  readonly page: number;
  readonly parent: number;
  readonly low: TreeKey | undefined;
  readonly high: TreeKey | undefined;
}

/**
 * The trees of a database, walked over what the scan recorded: every page referenced once and inside the file,
 * keys in order within and across pages. The same rules as bbolt's own check.
 */
export class Tree {
  readonly #candidates: Candidates;
  readonly #meta: Meta;
  readonly #findings: Findings;
  readonly #reached: Uint8Array;
  #reachedPages = 2;

  /** @param pagesRead whole pages that were there: the file may be cut short */
  constructor(candidates: Candidates, meta: Meta, pagesRead: number, findings: Findings) {
    this.#candidates = candidates;
    this.#meta = meta;
    this.#findings = findings;
    this.#reached = new Uint8Array(Math.ceil(pagesRead / 8));
    this.#pagesRead = pagesRead;
    this.#reach(0, 1);
    this.#reach(1, 1);
    this.#reachedPages = 2;
  }

  readonly #pagesRead: number;

  /** Pages in use: metas, freelist, and every page of every tree walked so far. */
  get reachedPages(): number {
    return this.#reachedPages;
  }

  /** Whether the page was there at all. */
  hasRead(page: number): boolean {
    return page < this.#pagesRead;
  }

  isReached(page: number): boolean {
    return page < this.#pagesRead && (this.#reached[page >>> 3]! & (1 << (page & 7))) !== 0;
  }

  /** The leaf runs of the tree under `root`, in key order, as far as they can be reached. */
  leaves(root: number, bucket: string): number[] {
    const leaves: number[] = [];
    const stack: Visit[] = [{ page: root, parent: -1, low: undefined, high: undefined }];
    let last: TreeKey | undefined;
    for (let visit = stack.pop(); visit !== undefined; visit = stack.pop()) {
      const run = this.#enter(visit, bucket);
      if (run === undefined) continue;
      const kind = this.#candidates.runs.get(run, RUN.KIND) & 0xff;
      if (kind === BRANCH) this.#pushChildren(run, visit, bucket, stack);
      else if (kind === LEAF) {
        leaves.push(run);
        last = this.#checkLeaf(run, visit, last, bucket);
      }
    }
    return leaves;
  }

  /** Marks the freelist's own pages as used. */
  enterFreelist(page: number): void {
    this.#enter({ page, parent: -1, low: undefined, high: undefined }, "", FREELIST);
  }

  #enter(visit: Visit, bucket: string, wanted = 0): number | undefined {
    const { page } = visit;
    const where = {
      page,
      offset: page * this.#meta.pageSize,
      ...(bucket === "" ? {} : { bucket }),
    };
    const from = visit.parent < 0 ? "" : ` (referenced by page ${visit.parent})`;
    if (page < 2 || page >= this.#meta.pages) {
      const text = `page ${page} is out of bounds${from}: found ${page}, wanted 2 to ${this.#meta.pages - 1}`;
      this.#findings.error("page-out-of-bounds", where, text);
      return undefined;
    }
    if (page >= this.#pagesRead) {
      this.#findings.error(
        "page-missing",
        where,
        `page ${page} is behind the end of the file${from}`,
      );
      return undefined;
    }
    const state = this.#candidates.pages.get(page, PAGE.RUN);
    if (state === 0 || state >= FAULT) {
      this.#findings.error("page-invalid", where, `page ${page}${from}: ${this.#faultText(page)}`);
      return undefined;
    }
    const run = state - 1;
    const kind = this.#candidates.runs.get(run, RUN.KIND) & 0xff;
    if ((kind === FREELIST) !== (wanted === FREELIST)) {
      this.#findings.error("page-invalid", where, `page ${page}${from}: found page type ${kind}`);
      return undefined;
    }
    const count = this.#candidates.runs.get(run, RUN.OVERFLOW) + 1;
    const twice = this.#reach(page, count);
    if (twice === undefined) return run;
    this.#findings.error("page-shared", where, `page ${twice} is referenced more than once${from}`);
    return undefined;
  }

  /** Marks pages as used; the first that already was. */
  #reach(page: number, count: number): number | undefined {
    const end = Math.min(page + count, this.#pagesRead);
    for (let id = page; id < end; id++) if (this.isReached(id)) return id;
    for (let id = page; id < end; id++) this.#reached[id >>> 3]! |= 1 << (id & 7);
    this.#reachedPages += count;
    return undefined;
  }

  #faultText(page: number): string {
    const found = this.#candidates.pages.get(page, PAGE.FOUND);
    switch (this.#candidates.pages.get(page, PAGE.RUN) & ~FAULT) {
      case REASON.ID:
        return `its header says page ${found === 0xffff_ffff ? "4294967295 or more" : found}`;
      case REASON.FLAGS:
        return `found flags 0x${found.toString(16)}, wanted 0x1 (branch) or 0x2 (leaf)`;
      case REASON.OVERFLOW:
        return `its ${found} overflow pages end behind page ${this.#meta.pages - 1}, the last`;
      case REASON.TABLE:
        return `its ${found} elements do not fit the page`;
      case REASON.ELEMENT:
        return `element ${found} reaches beyond the page`;
      case REASON.TOO_LARGE:
        return `element ${found} is larger than anything etcd writes (64 MiB)`;
      case REASON.OUT_OF_REACH:
      case REASON.TOO_MUCH:
        return "its elements are laid out as no bbolt writes them";
      default:
        return "it was not read whole";
    }
  }

  /** Children go onto the stack last first, so that they are visited in order. */
  #pushChildren(run: number, visit: Visit, bucket: string, stack: Visit[]): void {
    const { runs, branches } = this.#candidates;
    const first = runs.get(run, RUN.FIRST);
    const count = runs.get(run, RUN.COUNT);
    const where = { page: visit.page, offset: visit.page * this.#meta.pageSize, bucket };
    if (count === 0) this.#findings.error("page-invalid", where, "a branch page without elements");
    let high = visit.high;
    for (let i = count - 1; i >= 0; i--) {
      const low = branchKey(this.#candidates, first + i);
      const isBelow = high !== undefined && compareKeys(low, high) >= 0;
      const isTooLow = i === 0 && visit.low !== undefined && compareKeys(low, visit.low) < 0;
      if (isBelow || isTooLow) this.#outOfOrder(where, i, low);
      const page = branches.get(first + i, BRANCH_ELEMENT.CHILD);
      stack.push({ page, parent: visit.page, low, high });
      high = low;
    }
  }

  #checkLeaf(
    run: number,
    visit: Visit,
    last: TreeKey | undefined,
    bucket: string,
  ): TreeKey | undefined {
    const { runs } = this.#candidates;
    const first = runs.get(run, RUN.FIRST);
    const count = runs.get(run, RUN.COUNT);
    if (count === 0) return last;
    const where = { page: visit.page, offset: visit.page * this.#meta.pageSize, bucket };
    const lowest = elementKey(this.#candidates, first);
    const highest = elementKey(this.#candidates, first + count - 1);
    const isLow =
      (visit.low !== undefined && compareKeys(lowest, visit.low) < 0) ||
      (last !== undefined && compareKeys(last, lowest) >= 0);
    if (isLow) this.#outOfOrder(where, 0, lowest);
    if (visit.high !== undefined && compareKeys(highest, visit.high) >= 0)
      this.#outOfOrder(where, count - 1, highest);
    for (let i = 1; i < count; i++) {
      if (this.#rowsAscend(first + i)) continue;
      const key = elementKey(this.#candidates, first + i);
      if (compareKeys(elementKey(this.#candidates, first + i - 1), key) >= 0)
        this.#outOfOrder(where, i, key);
    }
    return highest;
  }

  /** The common case without a single object: two rows whose revisions ascend. */
  #rowsAscend(index: number): boolean {
    const { elements } = this.#candidates;
    const isRow =
      (elements.get(index, ELEMENT.KIND) & KIND.MASK) <= KIND.TOMBSTONE &&
      (elements.get(index - 1, ELEMENT.KIND) & KIND.MASK) <= KIND.TOMBSTONE;
    if (!isRow) return false;
    const hi = elements.get(index, ELEMENT.MAIN_HI) - elements.get(index - 1, ELEMENT.MAIN_HI);
    if (hi !== 0) return hi > 0;
    const lo = elements.get(index, ELEMENT.MAIN_LO) - elements.get(index - 1, ELEMENT.MAIN_LO);
    if (lo !== 0) return lo > 0;
    return elements.get(index, ELEMENT.SUB) > elements.get(index - 1, ELEMENT.SUB);
  }

  #outOfOrder(
    where: { page: number; offset: number; bucket: string },
    i: number,
    key: TreeKey,
  ): void {
    const text = `element ${i} of page ${where.page} is out of order: key ${keyHex(key)}`;
    this.#findings.error("key-order", { ...where, key: keyHex(key) }, text);
  }
}
