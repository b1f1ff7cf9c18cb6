/** What was measured, as a table for people and as JSON; rows of earlier runs stay until they are measured anew. */
import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { UsagePair } from "./contest.ts";
import { PAGE_SIZE, ROWS, type Size } from "./input.ts";
import type { Usage } from "./measure.ts";
import { median, ratioOfMedians, type Ratio } from "./statistics.ts";
import { MOST_RSS, mostGrowth, SMALLEST, WORKS, type Work } from "./works.ts";

export interface Row {
  /** The id of a work. */
  readonly work: string;
  /** Left out where a work reads no input. */
  readonly size?: Size;
  /** Of the input. */
  readonly bytes?: number;
  /** Where it was measured, and with which versions. */
  readonly machine: string;
  /** The day, as YYYY-MM-DD. */
  readonly date: string;
  /** Load average just before: of a machine that does nothing else it is near 0. */
  readonly load: number;
  readonly pairs: readonly UsagePair[];
}

const JSON_FILE = fileURLToPath(new URL("results.json", import.meta.url));
const TABLE_FILE = fileURLToPath(new URL("results.md", import.meta.url));

/** Saves the rows among those of earlier runs, as JSON and as tables. */
export async function saveRows(rows: readonly Row[]): Promise<void> {
  const before = existsSync(JSON_FILE) ? readRows() : [];
  const kept = before.filter((old) => !rows.some((row) => isSame(row, old)));
  const all = [...kept, ...rows].toSorted((a, b) => place(a) - place(b));
  await writeFile(JSON_FILE, `${JSON.stringify(all, undefined, 1)}\n`);
  const head = "# What `npm run bench` measured\n\nHow to read this: [README.md](README.md).\n";
  await writeFile(TABLE_FILE, `${head}\n${tables(all)}`);
}

function readRows(): Row[] {
  return JSON.parse(readFileSync(JSON_FILE, "utf8")) as Row[];
}

function isSame(a: Row, b: Row): boolean {
  return a.work === b.work && a.size === b.size;
}

const SIZES = Object.keys(MOST_RSS);

function place({ work, size }: Row): number {
  return WORKS.findIndex(({ id }) => id === work) * SIZES.length + SIZES.indexOf(size ?? "");
}

/** A table for each machine. */
export function tables(rows: readonly Row[]): string {
  const machines = [...new Set(rows.map(({ machine }) => machine))];
  return machines
    .map((machine) => `${machine}\n\n${table(rows.filter((row) => row.machine === machine))}`)
    .join("\n");
}

const COLUMNS = [
  "work",
  "peer",
  "input",
  "ours, s",
  "peer, s",
  "ratio (95 %)",
  "target",
  "met",
  "CPU s, ours : peer",
  "memory MB, ours : peer",
  "bound",
  "pairs",
  "load",
  "date",
];

function table(rows: readonly Row[]): string {
  const lines = [COLUMNS, COLUMNS.map(() => "---"), ...rows.map((row) => cells(row, rows))];
  return lines.map((line) => `| ${line.join(" | ")} |\n`).join("");
}

function cells(row: Row, all: readonly Row[]): string[] {
  const work = WORKS.find(({ id }) => id === row.work)!;
  const ours = row.pairs.map((pair) => pair.ours);
  const peer = row.pairs.map((pair) => pair.peer);
  const ratio = ratioOfMedians(
    row.pairs.map((pair) => ({ ours: pair.ours.wallMs, peer: pair.peer.wallMs })),
  );
  return [
    work.title,
    work.peer,
    row.bytes === undefined ? "" : `${(row.bytes / 1e9).toFixed(1)} GB`,
    spread(ours),
    spread(peer),
    `**${ratio.value.toFixed(2)}** (${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)})`,
    ...judgement(work, ratio, ours),
    `${cpuSeconds(ours)} : ${cpuSeconds(peer)}`,
    `${megabytes(ours)} : ${megabytes(peer)}`,
    bounds(work, row, all),
    String(row.pairs.length),
    row.load.toFixed(1),
    row.date,
  ];
}

/** Target, and whether it is met: "unclear" where the confidence range lies on both sides of it. */
function judgement({ target }: Work, ratio: Ratio, ours: readonly Usage[]): [string, string] {
  if (target === undefined) return ["", ""];
  if ("mostMs" in target) {
    const met = wallMs(ours) <= target.mostMs;
    return [`≤ ${target.mostMs / 1000} s`, met ? "yes" : "no"];
  }
  const { must, stretch } = target;
  const aims = stretch === undefined ? `≤ ${must}` : `≤ ${must}, better ≤ ${stretch}`;
  if (stretch !== undefined && ratio.high <= stretch) return [aims, "yes, and better"];
  if (ratio.high <= must) return [aims, "yes"];
  return [aims, ratio.low > must ? "no" : "unclear"];
}

function bounds(work: Work, row: Row, all: readonly Row[]): string {
  return [...memory(work, row), ...growth(work, row, all)].join("; ");
}

function memory({ boundedMemory }: Work, { size, pairs }: Row): string[] {
  if (!boundedMemory || size === undefined) return [];
  return [bounded("", mostMemory(pairs), MOST_RSS[size])];
}

/** Against the row of the smallest input, where there is one. */
function growth({ boundedGrowth }: Work, row: Row, all: readonly Row[]): string[] {
  const least = all.find(({ work, size }) => work === row.work && size === SMALLEST);
  if (!boundedGrowth || least === undefined || row === least) return [];
  const pages = (row.bytes! - least.bytes!) / PAGE_SIZE;
  const most = mostGrowth(pages, ROWS[row.size!] - ROWS[SMALLEST]);
  const grown = mostMemory(row.pairs) - mostMemory(least.pairs);
  return [bounded(`growth ${(grown / 1e6).toFixed(0)} `, grown, most)];
}

function bounded(what: string, bytes: number, most: number): string {
  return `${what}≤ ${(most / 1e6).toFixed(0)}: ${bytes <= most ? "yes" : "no"}`;
}

/** Of all runs of ours. */
function mostMemory(pairs: readonly UsagePair[]): number {
  return Math.max(...pairs.map(({ ours }) => ours.maxRssBytes));
}

function wallMs(usages: readonly Usage[]): number {
  return median(usages.map((usage) => usage.wallMs));
}

function spread(usages: readonly Usage[]): string {
  const walls = usages.map((usage) => usage.wallMs);
  const seconds = [median(walls), Math.min(...walls), Math.max(...walls)].map((ms) =>
    (ms / 1000).toFixed(2),
  );
  return `${seconds[0]} [${seconds[1]}–${seconds[2]}]`;
}

function cpuSeconds(usages: readonly Usage[]): string {
  return (median(usages.map(({ userMs, systemMs }) => userMs + systemMs)) / 1000).toFixed(2);
}

/** The most of all runs. */
function megabytes(usages: readonly Usage[]): string {
  return (Math.max(...usages.map((usage) => usage.maxRssBytes)) / 1e6).toFixed(0);
}
