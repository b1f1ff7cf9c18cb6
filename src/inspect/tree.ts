import { BRANCH, FREELIST } from "../format/bbolt/page.ts";
import type { Meta } from "../format/bbolt/meta.ts";
import {
  decodeFault,
  FAULT,
  MOST_FOUND,
  NOT_CONTIGUOUS,
  RUN,
  runCount,
  type Candidates,
} from "./candidates.ts";
import { BRANCH_ELEMENT } from "./elements.ts";
import type { FindingCode } from "./finding-codes.ts";
import type { Findings } from "./findings.ts";
import { compareKeys, keyHex } from "./element-key.ts";
import { PageSet } from "./page-set.ts";
import { REASON } from "./scan.ts";
import { WordList } from "./words.ts";

/** A branch whose children are being visited, and the branch elements its own keys must lie between. */
interface Descent {
  readonly page: number;
  readonly first: number;
  readonly count: number;
  /** A branch element, or NONE. */
  readonly high: number;
  child: number;
}

const NONE = -1;

/**
 * The trees of a database, walked over what the scan recorded: every page referenced once and inside the file,
 * keys in order within and across pages. The same rules as bbolt's own check.
 */
export class Tree {
  readonly #candidates: Candidates;
  readonly #meta: Meta;
  readonly #findings: Findings;
  readonly #reached: PageSet;
  #reachedPages = 0;
  /** Pages that were there at all. */
  readonly pagesRead: number;

  /** @param pagesRead whole pages that were there: the file may be cut short */
  constructor(candidates: Candidates, meta: Meta, pagesRead: number, findings: Findings) {
    this.#candidates = candidates;
    this.#meta = meta;
    this.#findings = findings;
    this.#reached = new PageSet(pagesRead);
    this.pagesRead = pagesRead;
    this.#reach(0, 2);
  }

  /** Pages in use: metas, freelist, and every page of every tree walked so far. */
  get reachedPages(): number {
    return this.#reachedPages;
  }

  isReached(page: number): boolean {
    return this.#reached.has(page);
  }

  /** The leaf runs of the tree under `root`, in key order, as far as they can be reached. */
  leaves(root: number, bucket: string): Iterable<number> {
    const leaves = new WordList();
    const path: Descent[] = [];
    let last = NONE;
    const visit = (page: number, parent: number, low: number, high: number): void => {
      const run = this.#enter(page, parent, bucket);
      if (run === undefined) return;
      if ((this.#candidates.runs.get(run, RUN.KIND) & 0xff) === BRANCH) {
        path.push(this.#descend(run, page, low, high, bucket));
        return;
      }
      leaves.push(run);
      this.#checkLayout(run, page, bucket);
      last = this.#checkLeaf(run, page, low, high, last, bucket);
    };
    visit(root, NONE, NONE, NONE);
    for (let at = path.at(-1); at !== undefined; at = path.at(-1)) {
      if (at.child === at.count) {
        path.pop();
        continue;
      }
      const element = at.first + at.child++;
      const page = this.#candidates.branches.get(element, BRANCH_ELEMENT.CHILD);
      visit(page, at.page, element, at.child < at.count ? element + 1 : at.high);
    }
    return leaves;
  }

  /** Marks the freelist's own pages as used. */
  enterFreelist(page: number): void {
    this.#enter(page, NONE, "", FREELIST);
  }

  #enter(page: number, parent: number, bucket: string, wanted = 0): number | undefined {
    const problem = this.#problemOf(page, wanted);
    if (problem === undefined) return this.#candidates.pages.get(page, 0) - 1;
    const from = parent === NONE ? "" : ` (referenced by page ${parent})`;
    const where = { ...this.#where(page), ...(bucket === "" ? {} : { bucket }) };
    this.#findings.add(problem.code, where, `page ${page}${from}: ${problem.text}`);
    return undefined;
  }

  /** Why a page cannot be entered, undefined when it was: its pages are then marked as used. */
  #problemOf(page: number, wanted: number): { code: FindingCode; text: string } | undefined {
    if (page < 2 || page >= this.#meta.pages)
      return { code: "page-out-of-bounds", text: `wanted 2 to ${this.#meta.pages - 1}` };
    if (page >= this.pagesRead)
      return { code: "page-missing", text: "it is behind the end of the file" };
    const state = this.#candidates.pages.get(page, 0);
    if (state === 0 || state >= FAULT) return { code: "page-invalid", text: this.#faultText(page) };
    const kind = this.#candidates.runs.get(state - 1, RUN.KIND) & 0xff;
    if ((kind === FREELIST) !== (wanted === FREELIST))
      return { code: "page-invalid", text: `found page type ${kind}` };
    const twice = this.#reach(page, this.#candidates.runs.get(state - 1, RUN.OVERFLOW) + 1);
    if (twice === undefined) return undefined;
    return { code: "page-shared", text: `page ${twice} is referenced more than once` };
  }

  #where(page: number): { page: number; offset: number } {
    return { page, offset: page * this.#meta.pageSize };
  }

  /**
   * Marks pages as used, up to the first that already was, which it returns: no page is marked twice, so that runs which
   * overlap by the thousand cost no more than the pages there are.
   */
  #reach(page: number, count: number): number | undefined {
    const end = Math.min(page + count, this.pagesRead);
    for (let id = page; id < end; id++) {
      if (this.isReached(id)) return id;
      this.#reached.add(id);
      this.#reachedPages++;
    }
    return undefined;
  }

  #faultText(page: number): string {
    const { reason, found } = decodeFault(this.#candidates.pages.get(page, 0));
    switch (reason) {
      case REASON.ID:
        return `its header says page ${found}${found === MOST_FOUND ? " or more" : ""}`;
      case REASON.FLAGS:
        return `found flags 0x${found.toString(16)}, wanted 0x1 (branch) or 0x2 (leaf)`;
      case REASON.OVERFLOW:
        return `its ${found} overflow pages end behind page ${this.#meta.pages - 1}, the last`;
      case REASON.TABLE:
        return `its ${found} elements do not fit the page`;
      case REASON.ELEMENT:
        return `element ${found} reaches beyond the page`;
      case REASON.TOO_LARGE:
        return `something in it is larger than anything etcd writes (64 MiB, but for values)`;
      case REASON.OUT_OF_REACH:
      case REASON.TOO_MUCH:
        return "its elements are laid out as no bbolt writes them";
      default:
        return "it was not read whole";
    }
  }

  /** Checks a branch's own keys, against each other and the elements around it. */
  #descend(run: number, page: number, low: number, high: number, bucket: string): Descent {
    const { runs, branches } = this.#candidates;
    const first = runs.get(run, RUN.FIRST);
    const count = runCount(runs, run);
    const where = { ...this.#where(page), bucket };
    if (count === 0)
      this.#findings.add("page-invalid", where, `page ${page}: a branch page without elements`);
    for (let i = 0; i < count; i++) {
      const before = i === 0 ? low : first + i - 1;
      const order =
        before === NONE ? 1 : compareKeys(this.#candidates, branches, first + i, branches, before);
      const isLow = i === 0 ? order < 0 : order <= 0;
      const isHigh =
        i === count - 1 &&
        high !== NONE &&
        compareKeys(this.#candidates, branches, first + i, branches, high) >= 0;
      if (isLow || isHigh)
        this.#outOfOrder(where, i, keyHex(this.#candidates, branches, first + i));
    }
    return { page, first, count, high, child: 0 };
  }

  #checkLayout(run: number, page: number, bucket: string): void {
    if ((this.#candidates.runs.get(run, RUN.KIND) & NOT_CONTIGUOUS) === 0) return;
    const text = `page ${page}: its elements do not lie one after the other`;
    this.#findings.add("page-layout", { ...this.#where(page), bucket }, text);
  }

  /** Checks a leaf's keys against each other, the last leaf's and the branch elements around it; its last element. */
  #checkLeaf(
    run: number,
    page: number,
    low: number,
    high: number,
    last: number,
    bucket: string,
  ): number {
    const candidates = this.#candidates;
    const { runs, elements, branches } = candidates;
    const first = runs.get(run, RUN.FIRST);
    const end = first + runCount(runs, run);
    if (first === end) return last;
    for (let index = first; index < end; index++) {
      const before = index === first ? last : index - 1;
      const isLow =
        (before !== NONE && compareKeys(candidates, elements, index, elements, before) <= 0) ||
        (index === first &&
          low !== NONE &&
          compareKeys(candidates, elements, index, branches, low) < 0);
      const isHigh =
        index === end - 1 &&
        high !== NONE &&
        compareKeys(candidates, elements, index, branches, high) >= 0;
      if (isLow || isHigh)
        this.#outOfOrder(
          { ...this.#where(page), bucket },
          index - first,
          keyHex(candidates, elements, index),
        );
    }
    return end - 1;
  }

  #outOfOrder(
    where: { page: number; offset: number; bucket: string },
    i: number,
    key: string,
  ): void {
    const text = `element ${i} of page ${where.page} is out of order: key ${key}`;
    this.#findings.add("key-order", { ...where, key }, text);
  }
}
