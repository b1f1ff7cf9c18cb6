/** Damage to real snapshots: all of it is found by the trailer, and without one at least what etcd's own tools refuse. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { readMeta } from "../src/format/bbolt/meta.ts";
import {
  elementStart,
  LEAF,
  leafKeySize,
  leafKeyStart,
  leafValueSize,
  pageCount,
  pageFlags,
  pageId,
} from "../src/format/bbolt/page.ts";
import type { Report } from "../src/inspect/report.ts";
import {
  duplicatePage,
  flipAnywhere,
  PAGE,
  STRUCTURAL,
  swapPages,
  takeSmallSnapshot,
  verdictOfTools,
  zeroPage,
} from "./support/damage.ts";
import { withTrailer } from "./support/backend.ts";
import { readAtOf } from "./support/database.ts";
import { ETCD_LINES } from "./support/etcd.ts";
import { codesOf, reportOf } from "./support/inspected.ts";
import { random } from "./support/random.ts";
import type { Random } from "./support/random.ts";
import { scratch } from "./support/scratch.ts";
import type { Scratch } from "./support/scratch.ts";

const SEED = Number(process.env["SEED"] ?? 1_000_544);
const TRAILER = 32;
const FLIPS = 5200;
const COMPARED = Number(process.env["COMPARED"] ?? 200);

let folder: Scratch;
let snapshots: Uint8Array[];
before(async () => {
  folder = await scratch();
  snapshots = [];
  for (const line of ETCD_LINES) snapshots.push(await takeSmallSnapshot(line, folder));
});
after(() => folder[Symbol.asyncDispose]());

const errorsOf = ({ findings }: Report): string[] =>
  findings.filter(({ severity }) => severity === "error").map(({ code }) => code);

/** What would be left to find without the trailer. */
function fateWithoutTrailer(report: Report, soundHash: number): string {
  const others = report.findings.filter(({ code }) => code !== "trailer-mismatch");
  if (others.some(({ severity }) => severity === "error")) return "error";
  if (others.length > 0) return "warning";
  return report.status.hash === soundHash ? "harmless" : "hidden";
}

test(`each of ${FLIPS} flipped bytes is found by the trailer (seed ${SEED})`, async (context) => {
  const chance = random(SEED);
  const counts = { error: 0, warning: 0, hidden: 0, harmless: 0 };
  for (const snapshot of snapshots) {
    const sound = await reportOf(snapshot);
    assert.deepEqual(sound.findings, []);
    for (let i = 0; i < FLIPS / snapshots.length; i++) {
      const damaged = snapshot.slice();
      const what = flipAnywhere(damaged, chance);
      const report = await reportOf(damaged);
      // A meta that names other pages moves the place of the trailer.
      assert.ok(errorsOf(report).length > 0, what);
      counts[fateWithoutTrailer(report, sound.status.hash) as keyof typeof counts]++;
    }
  }
  const { error, warning, hidden, harmless } = counts;
  const harmful = error + warning + hidden;
  const share = (count: number): string => `${count} (${((100 * count) / harmful).toFixed(1)} %)`;
  context.diagnostic(
    `${FLIPS} flips, seed ${SEED}: ${harmless} changed nothing that is in use; of the other ${harmful}, without the trailer ` +
      `${share(error)} would be errors, ${share(warning)} warnings, and ${share(hidden)} only a hash can find`,
  );
  assert.ok(error > 0 && hidden > 0);
});

/** In use or not: where a leaf's header, its table, its keys and its values begin and end. */
function* leafBorders(file: Uint8Array, chance: Random): Generator<number> {
  const { pages } = readMeta(readAtOf(file), file.length);
  for (let page = 2; page < pages; page++) {
    const base = page * PAGE;
    yield base;
    if (pageId(file, base) !== page || pageFlags(file, base) !== LEAF) continue;
    const count = pageCount(file, base);
    if (count === 0 || chance.between(0, 3) > 0) continue;
    const i = chance.between(0, count - 1);
    const key = leafKeyStart(file, base, i);
    const value = key + leafKeySize(file, base, i);
    yield base + 8;
    yield base + 16;
    yield elementStart(base, i);
    yield elementStart(base, i) + 8;
    yield elementStart(base, count);
    yield* [key, key + 1, value, value + 1, value + leafValueSize(file, base, i)];
  }
}

test(`a cut at any border is found, with a trailer or without (seed ${SEED})`, async () => {
  const chance = random(SEED);
  for (const snapshot of snapshots) {
    const dataEnd = snapshot.length - TRAILER;
    const cuts = [0, 1, 15, 16, 79, 80, 1024, PAGE - 1, PAGE, PAGE + 79, PAGE + 80, 2 * PAGE];
    for (const length of [...cuts, ...leafBorders(snapshot, chance), dataEnd - 1]) {
      const report = await reportOf(snapshot.subarray(0, length));
      assert.ok(errorsOf(report).length > 0, `${length} bytes`);
    }
    for (let more = 1; more < TRAILER; more++)
      assert.deepEqual(codesOf(await reportOf(snapshot.subarray(0, dataEnd + more))), [
        "error length",
      ]);
    // The one cut that leaves a whole database: nothing says that a trailer was there.
    const whole = await reportOf(snapshot.subarray(0, dataEnd));
    assert.deepEqual(codesOf(whole), ["warning no-trailer"]);
  }
});

test(`exchanged, copied and zeroed pages are found by the trailer (seed ${SEED})`, async () => {
  const chance = random(SEED);
  for (const snapshot of snapshots) {
    const data = snapshot.subarray(0, snapshot.length - TRAILER);
    for (let i = 0; i < 120; i++) {
      const damaged = data.slice();
      const what = chance.pick([swapPages, duplicatePage, zeroPage])(damaged, chance);
      const isChanged = Buffer.compare(damaged, data) !== 0;
      const report = await reportOf(Buffer.concat([damaged, snapshot.subarray(data.length)]));
      assert.equal(errorsOf(report).length > 0, isChanged, what);
    }
  }
});

/** Findings about a meta page: bbolt's check stops at a torn one, we are to go on with the other. */
const META_ONLY = new Set(["meta-torn", "meta-header"]);

test(`what bbolt's check or etcdutl's status refuses is refused, and the others are read alike (seed ${SEED})`, async (context) => {
  const chance = random(SEED);
  const counts = { refused: 0, onlyOurs: 0, taken: 0 };
  for (let i = 0; i < COMPARED; i++) {
    const snapshot = chance.pick(snapshots);
    const damaged = snapshot.slice(0, snapshot.length - TRAILER);
    const what = chance.pick(STRUCTURAL)(damaged, chance);
    const report = await reportOf(withTrailer(damaged));
    const errors = errorsOf(report);
    const tools = await verdictOfTools(damaged, folder);
    const about = `${what}: ${tools.printed}`;
    if (tools.check && tools.status) {
      counts[errors.length > 0 ? "onlyOurs" : "taken"]++;
      if (errors.length === 0) assert.deepEqual(printed(report), JSON.parse(tools.printed), about);
      continue;
    }
    counts.refused++;
    if (errors.length > 0) continue;
    assert.ok(
      report.findings.every(({ code }) => META_ONLY.has(code)),
      about,
    );
    assert.ok(report.findings.length > 0, about);
  }
  context.diagnostic(`seed ${SEED}: ${JSON.stringify(counts)}`);
  assert.ok(counts.refused > COMPARED / 10 && counts.taken > COMPARED / 10);
  // The damage that we find and bbolt does not: damage-fate.real.test.ts shows what becomes of it.
  assert.ok(counts.onlyOurs < COMPARED / 10);
});

/** The status as etcdutl prints it. */
function printed({ status }: Report) {
  return { ...status, revision: Number(status.revision) };
}
