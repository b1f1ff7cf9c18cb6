/** Ways to damage a snapshot, and what etcd's own tools and servers make of it. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pageCount } from "../../src/format/bbolt/page.ts";
import { connect } from "./client.ts";
import { etcdBinaries, startCluster } from "./etcd.ts";
import type { EtcdLine } from "./etcd.ts";
import { fill } from "./fill.ts";
import { part } from "./parts.ts";
import { start } from "./program.ts";
import type { Finished } from "./program.ts";
import type { Random } from "./random.ts";
import { takeSnapshot } from "./restored.ts";
import type { Scratch } from "./scratch.ts";

export const PAGE = 4096;

/** What a change did, in words. */
export type Damage = (file: Uint8Array, chance: Random) => string;

const flip = (file: Uint8Array, at: number, chance: Random): string => {
  const change = chance.between(0, 1) === 0 ? 1 << chance.between(0, 7) : chance.between(1, 255);
  file[at]! ^= change;
  return `byte ${at} (page ${Math.floor(at / PAGE)}, ${at % PAGE}) xor 0x${change.toString(16)}`;
};

const anyPage = (file: Uint8Array, chance: Random): number =>
  chance.between(2, Math.floor(file.length / PAGE) - 1);

/** Any byte. */
export const flipAnywhere: Damage = (file, chance) =>
  flip(file, chance.between(0, file.length - 1), chance);

const flipHeader: Damage = (file, chance) =>
  flip(file, anyPage(file, chance) * PAGE + chance.between(0, 15), chance);

const flipElement: Damage = (file, chance) => {
  const base = anyPage(file, chance) * PAGE;
  const table = 16 * Math.min(200, Math.max(1, pageCount(file, base)));
  return flip(file, base + 16 + chance.between(0, table - 1), chance);
};

/** The run that begins at a page claims to go on for so long that it ends behind the last page. */
export function lengthenRun(file: Uint8Array, page: number): string {
  file[page * PAGE + 13]! |= 0x40;
  return `page ${page} with 16384 overflow pages`;
}

const flipMeta: Damage = (file, chance) => flip(file, chance.between(0, 2 * PAGE - 1), chance);

export const swapPages: Damage = (file, chance) => {
  const [a, b] = [anyPage(file, chance), anyPage(file, chance)];
  const kept = file.slice(a * PAGE, (a + 1) * PAGE);
  file.copyWithin(a * PAGE, b * PAGE, (b + 1) * PAGE);
  file.set(kept, b * PAGE);
  return `pages ${a} and ${b} exchanged`;
};

export const duplicatePage: Damage = (file, chance) => {
  const [from, to] = [anyPage(file, chance), anyPage(file, chance)];
  file.copyWithin(to * PAGE, from * PAGE, (from + 1) * PAGE);
  return `page ${from} copied over page ${to}`;
};

export const zeroPage: Damage = (file, chance) => {
  const page = anyPage(file, chance);
  file.fill(0, page * PAGE, (page + 1) * PAGE);
  return `page ${page} zeroed`;
};

/** Where structure is hurt, far more often than by chance. */
export const STRUCTURAL: readonly Damage[] = [
  flipHeader,
  flipHeader,
  flipElement,
  flipElement,
  flipElement,
  flipElement,
  flipAnywhere,
  flipMeta,
  swapPages,
  duplicatePage,
  zeroPage,
];

/** Small ones: free pages, overwritten and deleted keys, leases, a row over many pages, history above a compaction. */
export async function takeSmallSnapshot(line: EtcdLine, folder: Scratch): Promise<Uint8Array> {
  await using cluster = await startCluster({ line });
  const [url] = cluster.endpoints;
  await fill(url!, { keys: 70, seed: 5, valueBytes: [20, 1200], leases: 20 });
  using client = await connect(url!);
  await client.compact((await client.status()).revision - 12n);
  await client.put("long", new Uint8Array(15_000).fill(7));
  // The last leaf is written anew with every revision: the long row is not to be in it.
  for (let i = 0; i < 12; i++) await client.put("above", "x".repeat(i * 100));
  await client.deleteRange("above");
  const { file } = await takeSnapshot(cluster, folder.file(`${line}.db`));
  return new Uint8Array(await readFile(file));
}

const NO_LONGER_MS = 20_000;

/** Runs a tool that may never end on a damaged file. */
export async function runPatiently(command: string, args: readonly string[]): Promise<Finished> {
  const running = start(command, args);
  const timer = setTimeout(() => running.kill("SIGKILL"), NO_LONGER_MS);
  const finished = await running.finished;
  clearTimeout(timer);
  return finished;
}

export interface ToolVerdict {
  /** bbolt's own check, and etcdutl 3.6's status. */
  readonly check: boolean;
  readonly status: boolean;
  /** What status printed, and the reasons of a refusal. */
  readonly printed: string;
}

/** Whether the real bbolt and the real etcdutl take a file. */
export async function verdictOfTools(file: Uint8Array, folder: Scratch): Promise<ToolVerdict> {
  const path = folder.file("damaged.db");
  await writeFile(path, file);
  const { etcdutl } = await etcdBinaries("3.6");
  const [check, status] = await Promise.all([
    runPatiently(join(await part("bbolt"), "bbolt"), ["check", path]),
    runPatiently(etcdutl!, ["snapshot", "status", path, "-w", "json"]),
  ]);
  return {
    check: check.status === 0,
    status: status.status === 0,
    printed: status.status === 0 ? status.stdout : `${check.stderr}${status.stderr}`.slice(0, 500),
  };
}
