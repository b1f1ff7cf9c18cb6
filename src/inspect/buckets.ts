import { BUCKET_HEADER_BYTES, bucketRoot } from "../format/bbolt/bucket.ts";
import {
  BUCKET_ELEMENT,
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
import { combineCrc32c, shiftCrc32c, type Crc32c } from "../format/crc32c.ts";
import { ELEMENT, KIND, NOT_CONTIGUOUS, RUN, type Candidates } from "./candidates.ts";
import type { Findings } from "./findings.ts";
import type { Stretch } from "./kept-bytes.ts";
import type { Tree } from "./tree.ts";

/** A bucket found under the root: its leaf runs in key order. */
export interface BucketLeaves {
  readonly name: string;
  readonly nameBytes: Uint8Array;
  readonly leaves: readonly number[];
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
      const isBucket = (candidates.elements.get(index, ELEMENT.KIND) & KIND.MASK) === KIND.BUCKET;
      if (!isBucket || value === undefined || value.bytes.length < BUCKET_HEADER_BYTES) {
        const text = `"${name}" in the root is no bucket: etcd keeps nothing else there`;
        findings.error("root-entry", { page, bucket: name }, text);
        continue;
      }
      const target = bucketRoot(value.bytes);
      const leaves =
        target === 0
          ? readInline(candidates, value, { page, bucket: name }, crc32c, findings)
          : tree.leaves(target, name);
      buckets.push({ name, nameBytes, leaves });
    }
  }
  return buckets;
}

/** The elements of a leaf run, in order. */
export function* elementsOf(candidates: Candidates, run: number): Generator<number> {
  const first = candidates.runs.get(run, RUN.FIRST);
  const end = first + candidates.runs.get(run, RUN.COUNT);
  for (let index = first; index < end; index++) yield index;
}

/** Records an inline bucket's leaf image as a run of its own; bbolt's check does not look inside, we do. */
function readInline(
  candidates: Candidates,
  value: Stretch,
  where: { page: number; bucket: string },
  crc32c: Crc32c,
  findings: Findings,
): number[] {
  const image = value.bytes.subarray(BUCKET_HEADER_BYTES);
  const stretch = { bytes: image, start: value.start + BUCKET_HEADER_BYTES };
  if (image.length < PAGE_HEADER_BYTES || pageFlags(image, 0) !== LEAF) {
    findings.error(
      "page-invalid",
      where,
      `bucket "${where.bucket}" is inline but holds no leaf page`,
    );
    return [];
  }
  const count = pageCount(image, 0);
  for (let i = 0; i < count; i++) {
    if (leafElementFits(image, 0, i, image.length)) continue;
    const text = `element ${i} of inline bucket "${where.bucket}" reaches beyond its ${image.length} bytes`;
    findings.error("page-invalid", where, text);
    return [];
  }
  const first = candidates.elements.reserve(count);
  for (let i = 0; i < count; i++) {
    const at = leafKeyStart(image, 0, i);
    const keySize = leafKeySize(image, 0, i);
    const valueSize = leafValueSize(image, 0, i);
    const isBucket = (leafFlags(image, 0, i) & BUCKET_ELEMENT) !== 0;
    candidates.addElement(first + i, stretch, at, keySize, valueSize, isBucket, true);
    const own = crc32c(image.subarray(at, at + keySize + valueSize), 0);
    candidates.elements.set(first + i, ELEMENT.MARK, own);
  }
  const run = candidates.runs.reserve(1);
  candidates.runs.set(run, RUN.PAGE, where.page);
  candidates.runs.set(run, RUN.KIND, LEAF | NOT_CONTIGUOUS);
  candidates.runs.set(run, RUN.FIRST, first);
  candidates.runs.set(run, RUN.COUNT, count);
  return [run];
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
  const end = first + runs.get(run, RUN.COUNT);
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
    for (const run of bucket.leaves) crc = appendLeafCrc(candidates, crc, run);
  }
  return crc;
}
