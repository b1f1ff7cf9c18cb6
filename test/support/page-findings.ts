/** Findings about ends, pages and trees: what provokes each, and what comes near. */
import { encodeFreelist } from "../../src/format/bbolt/freelist.ts";
import { readMeta } from "../../src/format/bbolt/meta.ts";
import {
  BRANCH,
  elementStart,
  LEAF,
  leafKeySize,
  leafKeyStart,
  pageFlags,
  putPageNumber,
} from "../../src/format/bbolt/page.ts";
import { concatBytes, putU16le, putU32le } from "../../src/format/bytes.ts";
import { withTrailer } from "./backend.ts";
import { readAtOf } from "./database.ts";
import { asIs, changed, PAGE, raw, sound } from "./finding-case.ts";
import type { Case, Cases } from "./finding-case.ts";
import { laidOut, putMetas, runsOf } from "./layout.ts";

/** Where the pages of a kind begin. The first branch is the root of the key bucket; its leaves are the first leaves. */
function pagesOf(file: Uint8Array, flags: number): number[] {
  return runsOf(file)
    .map(({ page }) => page * PAGE)
    .filter((base) => pageFlags(file, base) === flags);
}

const [branch] = pagesOf(sound, BRANCH) as [number];
export const [leaf, secondLeaf] = pagesOf(sound, LEAF) as [number, number];
export const rootLeaf = readMeta(readAtOf(sound), sound.length).root * PAGE;

/** Points child `i` of the key bucket's branch somewhere else. */
const child =
  (i: number, page: number) =>
  (file: Uint8Array): void =>
    putPageNumber(file, elementStart(branch, i) + 8, page);

/** The same database with free pages between the others, and what is done to those. */
function withFreePages(fill: (file: Uint8Array, base: number, page: number) => void): Case {
  const placed = runsOf(sound).map((run) => ({ run, gap: 2 }));
  const file = laidOut(sound, placed, (out, page) => fill(out, page * PAGE, page));
  return { bytes: withTrailer(file) };
}

/** Adds a freelist page to the sound database, with `more` free pages behind it. */
function withFreelist(ids: (free: number[], freelist: number) => number[]): Case {
  const pages = sound.length / PAGE;
  const file = new Uint8Array((pages + 4) * PAGE);
  file.set(sound);
  putMetas(file, { freelist: pages, pages: pages + 4 });
  file.set(
    encodeFreelist(pages, ids([pages + 1, pages + 2, pages + 3], pages), PAGE),
    pages * PAGE,
  );
  return { bytes: withTrailer(file) };
}

/** Exchanges two equally long parts of a page. */
function exchange(file: Uint8Array, a: number, b: number, length: number): void {
  const kept = file.slice(a, a + length);
  file.copyWithin(a, b, b + length);
  file.set(kept, b);
}

/** The last element's data before the one before it, each still found by its element. */
function outOfLine(file: Uint8Array): void {
  const [a, b] = [0, 1].map((i) => leafKeyStart(file, leaf, i)) as [number, number];
  const length = b - a; // both rows are equally long
  exchange(file, a, b, length);
  putU32le(file, elementStart(leaf, 0) + 4, b - elementStart(leaf, 0));
  putU32le(file, elementStart(leaf, 1) + 4, a - elementStart(leaf, 1));
}

/** Ends with a free page, which is then cut off. */
const freeTail = laidOut(
  sound,
  runsOf(sound).map((run) => ({ run, gap: 0 })),
  () => {},
  1,
).subarray(0, sound.length);

export const PAGE_CASES = {
  "meta-invalid": {
    provoke: [
      raw(new Uint8Array(0)),
      raw(new Uint8Array(9 * PAGE)),
      changed((f) => f.fill(0, 0, 2 * PAGE)),
    ],
    near: [changed((f) => f.fill(0, 0, PAGE))],
  },
  "meta-torn": {
    provoke: [changed((f) => f.fill(9, 0, PAGE)), changed((f) => f.fill(9, PAGE, 2 * PAGE))],
    near: [asIs, changed((f) => f.fill(9, 80, PAGE)), changed((f) => putPageNumber(f, 0, 9))],
  },
  "meta-header": {
    provoke: [
      changed((f) => putPageNumber(f, 0, 1)),
      changed((f) => putPageNumber(f, PAGE, 2 ** 32 + 1)),
      changed((f) => putU16le(f, 8, LEAF)),
      changed((f) => putU16le(f, PAGE + 8, 0)),
    ],
    near: [asIs, changed((f) => putU16le(f, 10, 7)), changed((f) => f.fill(9, 80, PAGE))],
  },
  truncated: {
    provoke: [
      raw(sound.subarray(0, sound.length - 1)),
      raw(sound.subarray(0, 3 * PAGE)),
      raw(sound.subarray(0, 5000)),
    ],
    near: [raw(sound), raw(asIs.bytes)],
  },
  length: {
    provoke: [
      raw(concatBytes([sound, new Uint8Array(31)])),
      raw(concatBytes([asIs.bytes, new Uint8Array(PAGE)])),
    ],
    near: [asIs, raw(concatBytes([sound, new Uint8Array(3 * PAGE)]))],
  },
  "trailer-mismatch": {
    provoke: [
      raw(concatBytes([sound, new Uint8Array(32)])),
      raw(asIs.bytes.with(sound.length + 31, asIs.bytes.at(-1)! ^ 1)),
    ],
    near: [asIs, raw(sound)],
  },
  "no-trailer": {
    provoke: [raw(sound), { bytes: sound, options: { requireTrailer: true }, severity: "error" }],
    near: [asIs, raw(asIs.bytes, { requireTrailer: true })],
  },
  "page-out-of-bounds": {
    provoke: [
      changed(child(0, sound.length / PAGE)),
      changed(child(1, 0)),
      changed(child(1, 1)),
      changed(child(2, 2 ** 40)),
      changed((f) => putPageNumber(f, elementStart(branch, 0) + 12, 0xffffffff)),
      changed((f) => putMetas(f, { root: sound.length / PAGE })),
    ],
    near: [asIs, changed(child(0, sound.length / PAGE - 1))],
  },
  "page-missing": {
    provoke: [
      raw(
        laidOut(
          sound,
          runsOf(sound)
            .toReversed()
            .map((run) => ({ run, gap: 0 })),
        ).subarray(0, 8 * PAGE),
      ),
    ],
    near: [raw(freeTail), asIs],
  },
  "page-invalid": {
    provoke: [
      changed((f) => putPageNumber(f, leaf, 99)),
      changed((f) => putPageNumber(f, leaf, leaf / PAGE + 2 ** 32)),
      changed((f) => putU16le(f, leaf + 8, 3)),
      changed((f) => putU16le(f, leaf + 8, 0)),
      changed((f) => putU16le(f, leaf + 10, 0xfffe)),
      changed((f) => putU32le(f, leaf + 12, 0xffffffff)),
      changed((f) => putU32le(f, elementStart(leaf, 3) + 4, PAGE)),
      changed((f) => putU32le(f, elementStart(leaf, 3) + 8, 0xffffffff)),
      changed((f) => putU32le(f, elementStart(leaf, 3) + 12, 0x7fffffff)),
      changed((f) => putU16le(f, branch + 10, 0)),
      changed((f) => putU32le(f, elementStart(branch, 1), PAGE)),
      changed((f) => putU32le(f, elementStart(branch, 1) + 4, PAGE)),
      changed((f) => f.fill(0, leaf, leaf + PAGE)),
    ],
    near: [
      withFreePages(() => {}),
      withFreePages((f, base, page) => {
        f.set(sound.subarray(leaf, leaf + PAGE), base);
        putPageNumber(f, base, page);
        putU32le(f, elementStart(base, 3) + 8, 0xffffffff);
      }),
      withFreePages((f, base, page) => {
        putPageNumber(f, base, page);
        putU16le(f, base + 8, BRANCH);
        putU16le(f, base + 10, 0);
      }),
    ],
  },
  "page-shared": {
    provoke: [
      changed(child(1, leaf / PAGE)),
      changed(child(0, branch / PAGE)),
      changed((f) => putU32le(f, leaf + 12, 1)),
    ],
    near: [asIs],
  },
  "page-layout": { provoke: [changed(outOfLine)], near: [asIs] },
  "key-order": {
    provoke: [
      changed((f) => exchange(f, leafKeyStart(f, leaf, 0), leafKeyStart(f, leaf, 1), 17)),
      changed((f) =>
        f.copyWithin(
          leafKeyStart(f, leaf, 2),
          leafKeyStart(f, leaf, 1),
          leafKeyStart(f, leaf, 1) + 17,
        ),
      ),
      changed((f) => (f[leafKeyStart(f, secondLeaf, 0) + 7]! -= 1)),
      changed((f) => exchange(f, elementStart(branch, 0) + 8, elementStart(branch, 1) + 8, 8)),
      changed((f) => exchange(f, elementStart(rootLeaf, 3), elementStart(rootLeaf, 4), 16)),
    ],
    near: [asIs, changed(outOfLine)],
  },
  "freelist-invalid": {
    provoke: [
      withFreelist(([a, b]) => [a!, b!]),
      withFreelist(([a, b, c]) => [a!, b!, b!, c!]),
      withFreelist((free) => [leaf / PAGE, ...free]),
      withFreelist((free) => [1, ...free]),
      { ...withFreelist((free) => [...free, 2 ** 33]), severity: "warning" },
    ],
    near: [
      withFreelist((free) => free),
      withFreelist((free) => free.toReversed()),
      withFreelist((free, freelist) => [freelist, ...free]),
    ],
  },
  "root-entry": {
    provoke: [
      changed((f) => putU32le(f, elementStart(rootLeaf, 0), 0)),
      changed((f) => putU32le(f, elementStart(rootLeaf, 5), 2)),
      changed((f) => putU32le(f, elementStart(rootLeaf, 9) + 12, 15)),
    ],
    near: [asIs, changed((f) => putU32le(f, elementStart(rootLeaf, 0), 3))],
  },
  "bucket-nested": {
    provoke: [
      changed((f) => putU32le(f, elementStart(leaf, 1), 1)),
      changed((f) => {
        const inline = leafKeyStart(f, rootLeaf, 9) + leafKeySize(f, rootLeaf, 9) + 16;
        putU32le(f, elementStart(inline, 2), 1);
      }),
    ],
    near: [asIs, changed((f) => putU32le(f, elementStart(leaf, 1), 2))],
  },
} satisfies Cases;
