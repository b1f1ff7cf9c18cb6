import { BUCKET_HEADER_BYTES, bucketRoot } from "../format/bbolt/bucket.ts";
import {
  BUCKET_ELEMENT,
  ELEMENT_BYTES,
  elementStart,
  LEAF,
  leafElementFits,
  leafFlags,
  leafKeySize,
  leafKeyStart,
  leafValueSize,
  pageCount,
  pageFlags,
  PAGE_HEADER_BYTES,
} from "../format/bbolt/page.ts";
import { bytesText, textBytes } from "../format/bytes.ts";
import { BUCKETS } from "../format/mvcc/buckets.ts";
import { combineCrc32c, shiftCrc32c, type Crc32c } from "../format/crc32c.ts";
import {
  HAS_BUCKETS,
  NOT_CONTIGUOUS,
  RUN,
  encodeKind,
  runCount,
  type Candidates,
} from "./candidates.ts";
import { keyHex } from "./element-key.ts";
import { ELEMENT, KIND } from "./elements.ts";
import type { Findings } from "./findings.ts";
import type { Stretch } from "./kept-bytes.ts";
import type { Tree } from "./tree.ts";

/** A bucket found under the root: its leaf runs in key order. */
export interface BucketLeaves {
  readonly name: string;
  readonly nameBytes: Uint8Array;
  readonly leaves: Iterable<number>;
}

/** The buckets under page `root`, in bbolt's order, each tree walked and checked. */
export function readBuckets(
  candidates: Candidates,
  tree: Tree,
  root: number,
  crc32c: Crc32c,
  findings: Findings,
): BucketLeaves[] {
  const buckets: BucketLeaves[] = [];
  for (const run of tree.leaves(root, "")) {
    const page = candidates.runs.get(run, RUN.PAGE);
    for (const index of elementsOf(candidates, run)) {
      const nameBytes = candidates.keptKey(index) ?? textBytes("(not kept)");
      const name = bytesText(nameBytes);
      const value = candidates.keptValue(index);
      if (!isBucket(candidates, index) || value === undefined || isCut(value)) {
        const text = `"${name}" in the root is no bucket: etcd keeps nothing else there`;
        findings.add("root-entry", { page, bucket: name }, text);
        continue;
      }
      const target = bucketRoot(value.bytes);
      const leaves =
        target === 0
          ? readInline(candidates, value, { page, bucket: name }, crc32c, findings)
          : tree.leaves(target, name);
      enterNested(candidates, tree, leaves, name, findings);
      buckets.push({ name, nameBytes, leaves });
    }
  }
  return buckets;
}

/** Whether an element's value is said to be a bucket. */
export function isBucket(candidates: Candidates, index: number): boolean {
  return (candidates.elements.get(index, ELEMENT.KIND) & KIND.MASK) === KIND.BUCKET;
}

function isCut(value: Stretch): boolean {
  return value.bytes.length < BUCKET_HEADER_BYTES;
}

/**
 * The buckets inside of a bucket, and inside of those. One of etcd's buckets then lacks a record. In any other they matter
 * to no server, but their pages are in use, and bbolt's check looks at them.
 */
function enterNested(
  candidates: Candidates,
  tree: Tree,
  leaves: Iterable<number>,
  bucket: string,
  findings: Findings,
): void {
  const isRead = BUCKETS.includes(bucket);
  const open = [leaves];
  for (let runs = open.pop(); runs !== undefined; runs = open.pop()) {
    for (const run of runs) {
      if ((candidates.runs.get(run, RUN.KIND) & HAS_BUCKETS) === 0) continue;
      const page = candidates.runs.get(run, RUN.PAGE);
      for (const index of elementsOf(candidates, run)) {
        if (!isBucket(candidates, index)) continue;
        const key = keyHex(candidates, candidates.elements, index);
        const value = candidates.keptValue(index);
        const isCutOff = value !== undefined && isCut(value);
        const text = `key ${key} of bucket "${bucket}" is a bucket itself`;
        const severity = isRead || isCutOff ? "error" : "warning";
        findings.add("bucket-nested", { page, bucket, key }, text, severity);
        const root = value === undefined || isCutOff ? 0 : bucketRoot(value.bytes);
        if (root !== 0) open.push(tree.leaves(root, bucket));
      }
    }
  }
}

/** The elements of a leaf run, in order. */
export function* elementsOf(candidates: Candidates, run: number): Generator<number> {
  const first = candidates.runs.get(run, RUN.FIRST);
  const end = first + runCount(candidates.runs, run);
  for (let index = first; index < end; index++) yield index;
}

/** Records an inline bucket's leaf image as a run of its own; bbolt's check does not look inside, we do. */
function readInline(
  candidates: Candidates,
  value: Stretch,
  where: { page: number; bucket: string },
  crc32c: Crc32c,
  findings: Findings,
): Uint32Array {
  const bytes = value.bytes.subarray(BUCKET_HEADER_BYTES);
  const problem = inlineProblem(bytes);
  if (problem !== undefined) {
    findings.add("page-invalid", where, `inline bucket "${where.bucket}": ${problem}`);
    return new Uint32Array(0);
  }
  const stretch = { bytes, start: value.start + BUCKET_HEADER_BYTES };
  const count = pageCount(bytes, 0);
  const first = candidates.elements.reserve(count);
  const run = candidates.runs.reserve(1);
  let kind = LEAF | NOT_CONTIGUOUS;
  let end = elementStart(0, count);
  let isInOrder = true;
  for (let i = 0; i < count; i++) {
    const at = leafKeyStart(bytes, 0, i);
    const keySize = leafKeySize(bytes, 0, i);
    const valueSize = leafValueSize(bytes, 0, i);
    isInOrder &&= at === end;
    end = at + keySize + valueSize;
    const isNested = (leafFlags(bytes, 0, i) & BUCKET_ELEMENT) !== 0;
    if (isNested) kind |= HAS_BUCKETS;
    candidates.addElement(first + i, stretch, at, keySize, valueSize, isNested, true);
    candidates.elements.set(first + i, ELEMENT.MARK, crc32c(bytes, 0, at, end));
  }
  if (!isInOrder)
    findings.add(
      "page-layout",
      where,
      `inline bucket "${where.bucket}": its elements do not lie one after the other`,
    );
  candidates.runs.set(run, RUN.PAGE, where.page);
  candidates.runs.set(run, RUN.KIND, encodeKind(kind, count));
  candidates.runs.set(run, RUN.FIRST, first);
  return Uint32Array.of(run);
}

/** What is wrong with the image of an inline bucket's leaf. */
function inlineProblem(image: Uint8Array): string | undefined {
  if (image.length < PAGE_HEADER_BYTES || pageFlags(image, 0) !== LEAF)
    return "it holds no leaf page";
  let used = PAGE_HEADER_BYTES;
  for (let i = 0, count = pageCount(image, 0); i < count; i++) {
    if (!leafElementFits(image, 0, i, image.length))
      return `element ${i} reaches beyond its ${image.length} bytes`;
    used += ELEMENT_BYTES + leafKeySize(image, 0, i) + leafValueSize(image, 0, i);
  }
  return used > image.length ? `its elements overlap` : undefined;
}

/** The CRC of some data followed by the elements of a leaf run that `keep` wants. */
export function appendLeafCrc(
  candidates: Candidates,
  crc: number,
  run: number,
  keep?: (index: number) => boolean,
): number {
  const { runs, elements } = candidates;
  const first = runs.get(run, RUN.FIRST);
  const end = first + runCount(runs, run);
  if ((runs.get(run, RUN.KIND) & NOT_CONTIGUOUS) !== 0) {
    for (let index = first; index < end; index++) {
      if (keep !== undefined && !keep(index)) continue;
      const own = elements.get(index, ELEMENT.MARK);
      crc = combineCrc32c(crc, own, elements.get(index, ELEMENT.SIZE));
    }
    return crc;
  }
  // Neighbours that are kept are one stretch of the file: its CRC is the difference of the marks around it.
  let before = runs.get(run, RUN.CRC);
  for (let index = first; index < end;) {
    if (keep !== undefined && !keep(index)) {
      before = elements.get(index++, ELEMENT.MARK);
      continue;
    }
    let length = 0;
    let after = before;
    for (; index < end && (keep === undefined || keep(index)); index++) {
      length += elements.get(index, ELEMENT.SIZE);
      after = elements.get(index, ELEMENT.MARK);
    }
    crc = (shiftCrc32c((crc ^ before) >>> 0, length) ^ after) >>> 0;
    before = after;
  }
  return crc;
}

/** The HASH that `etcdutl snapshot status` prints: CRC-32C over names, keys and values of all buckets, in order. */
export function statusHash(
  candidates: Candidates,
  buckets: readonly BucketLeaves[],
  crc32c: Crc32c,
): number {
  let crc = 0;
  for (const bucket of buckets) {
    crc = crc32c(bucket.nameBytes, crc);
    for (const run of bucket.leaves)
      crc =
        (candidates.runs.get(run, RUN.KIND) & HAS_BUCKETS) === 0
          ? appendLeafCrc(candidates, crc, run)
          : appendNestingLeaf(candidates, crc, run, crc32c);
  }
  return crc;
}

/** Of a bucket inside of another one only the key counts. */
function appendNestingLeaf(
  candidates: Candidates,
  crc: number,
  run: number,
  crc32c: Crc32c,
): number {
  const { runs, elements } = candidates;
  const isContiguous = (runs.get(run, RUN.KIND) & NOT_CONTIGUOUS) === 0;
  let before = runs.get(run, RUN.CRC);
  for (const index of elementsOf(candidates, run)) {
    const mark = elements.get(index, ELEMENT.MARK);
    const size = elements.get(index, ELEMENT.SIZE);
    if (isBucket(candidates, index)) {
      const key = candidates.keptKey(index);
      if (key !== undefined) crc = crc32c(key, crc);
    } else if (isContiguous) crc = (shiftCrc32c((crc ^ before) >>> 0, size) ^ mark) >>> 0;
    else crc = combineCrc32c(crc, mark, size);
    before = mark;
  }
  return crc;
}
