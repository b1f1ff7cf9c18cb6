/** What is measured, against whom, and what it has to reach. */
import { existsSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { etcdBinaries } from "../test/support/etcd.ts";
import { BIN } from "../test/support/holdfast.ts";
import { BACKUPS } from "./backups.ts";
import type { Contest } from "./contest.ts";
import { snapshot, type Size } from "./input.ts";
import { evict, type Run } from "./measure.ts";
import { clearOutput, OUTPUT, removeOutput } from "./output-folder.ts";
import { beginBackup, beginList, beginRestoreFromStore, beginVerify } from "./repository-works.ts";
import { contents, serve } from "./server.ts";

export interface Work {
  readonly id: string;
  readonly title: string;
  readonly peer: string;
  /** Wall time as a share of the peer's, or in milliseconds. */
  readonly target:
    | { readonly must: number; readonly stretch?: number }
    | { readonly mostMs: number }
    | undefined;
  /** Whether the bound on memory of the input's size holds for it. */
  readonly boundedMemory: boolean;
  /** Whether `mostGrowth` holds for it as well. */
  readonly boundedGrowth?: true;
  /** Whether it reads an input at all. */
  readonly sized: boolean;
  begin(size: Size): Promise<Contest>;
}

/** Bytes that a process may hold at most, by the size of its input. */
export const MOST_RSS: Record<Size, number> = {
  "100m": 250e6,
  "1.6g": 250e6,
  "4g": 350e6,
  "8g": 400e6,
};

/** What the input is measured by, where memory grows with it. */
export const SMALLEST: Size = "100m";

/** Bytes that a process may hold more than for the smallest input: for so many pages and rows more than that has. */
export function mostGrowth(pages: number, rows: number): number {
  return 32 * pages + 64 * rows + 40e6;
}

export const WORKS: readonly Work[] = [
  {
    id: "save",
    title: "`snapshot save`, proven",
    peer: "etcdctl 3.6",
    target: { must: 1.15, stretch: 1 },
    boundedMemory: true,
    sized: true,
    begin: beginSave,
  },
  {
    id: "status",
    title: "`snapshot status`, page cache warm",
    peer: "etcdutl 3.6",
    target: { must: 1, stretch: 0.8 },
    boundedMemory: true,
    sized: true,
    begin: async (size) => beginStatus(await snapshot(size), async () => {}),
  },
  {
    id: "status-cold",
    title: "`snapshot status`, cold",
    peer: "etcdutl 3.6",
    target: { must: 0.25 },
    boundedMemory: true,
    sized: true,
    begin: async (size) => {
      const file = await snapshot(size);
      return beginStatus(file, () => chill(file));
    },
  },
  {
    id: "restore",
    title: "`snapshot restore`",
    peer: "etcdutl 3.6",
    target: { must: 0.5 },
    boundedMemory: true,
    sized: true,
    begin: beginRestore,
  },
  {
    id: "hashkv",
    title: "`hashkv FILE`",
    peer: "etcdutl 3.7",
    target: undefined,
    boundedMemory: false,
    sized: true,
    begin: beginHashKV,
  },
  {
    id: "backup",
    title: "`backup` to S3, proven",
    peer: "etcdctl, etcdutl, zstd, age, aws",
    target: { must: 0.6, stretch: 0.4 },
    boundedMemory: true,
    boundedGrowth: true,
    sized: true,
    begin: beginBackup,
  },
  {
    id: "restore-s3",
    title: "`restore` from S3",
    peer: "aws, age, zstd, etcdutl",
    target: { must: 0.5 },
    boundedMemory: true,
    boundedGrowth: true,
    sized: true,
    begin: beginRestoreFromStore,
  },
  {
    id: "verify",
    title: "`verify` in S3, stored bytes",
    peer: "aws, sha256sum",
    target: { must: 1 },
    boundedMemory: true,
    sized: true,
    begin: beginVerify,
  },
  {
    id: "list",
    title: `\`list\` of ${BACKUPS} backups in S3, no cache`,
    peer: "aws",
    target: { must: 1.5 },
    boundedMemory: false,
    sized: false,
    begin: () => beginList("text"),
  },
  {
    id: "list-json",
    title: "the same as JSON, cache warm",
    peer: "aws",
    target: undefined,
    boundedMemory: false,
    sized: false,
    begin: () => beginList("json"),
  },
  {
    id: "help",
    title: "`--help`",
    peer: "etcdctl 3.6",
    target: { mostMs: 150 },
    boundedMemory: false,
    sized: false,
    begin: beginHelp,
  },
];

async function beginSave(size: Size): Promise<Contest> {
  const server = await serve(await snapshot(size));
  const { etcdctl } = await etcdBinaries("3.6");
  const file = join(OUTPUT, "saved.db");
  const save = ["snapshot", "save", file, `--endpoints=${server.endpoints[0]}`];
  return {
    ours: [BIN, ...save],
    peers: [etcdctl, ...save],
    prepare: clearOutput,
    outcome: () => contents(file),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await removeOutput();
    },
  };
}

async function beginStatus(file: string, prepare: () => Promise<void>): Promise<Contest> {
  const { etcdutl } = await etcdBinaries("3.6");
  const status = ["snapshot", "status", file];
  return {
    ours: [BIN, ...status],
    peers: [etcdutl!, ...status],
    prepare,
    outcome: printed,
    async [Symbol.asyncDispose]() {},
  };
}

/** Any user may do this to a file; the machine below may still have it in a cache of its own. */
async function chill(file: string): Promise<void> {
  let still = 1;
  // A page that somebody is just reading stays.
  for (let attempt = 0; still > 0 && attempt < EVICT_ATTEMPTS; attempt++) still = await evict(file);
  if (still > MOST_STILL_CACHED) throw new Error(`${still} of ${file} stays in the page cache`);
}

const EVICT_ATTEMPTS = 20;
const MOST_STILL_CACHED = 0.01;

async function beginRestore(size: Size): Promise<Contest> {
  const { etcdutl } = await etcdBinaries("3.6");
  const dataDir = join(OUTPUT, "restored");
  const restore = ["snapshot", "restore", await snapshot(size), `--data-dir=${dataDir}`];
  return {
    ours: [BIN, ...restore],
    peers: [etcdutl!, ...restore],
    prepare: clearOutput,
    outcome: () =>
      existsSync(join(dataDir, "member", "wal")) &&
      existsSync(join(dataDir, "member", "snap", "db"))
        ? "a data dir"
        : "none",
    [Symbol.asyncDispose]: removeOutput,
  };
}

/** etcdutl writes to the file, so it has a copy; what it adds is there after the warm-up. */
async function beginHashKV(size: Size): Promise<Contest> {
  const file = await snapshot(size);
  const { etcdutl } = await etcdBinaries("3.7");
  await clearOutput();
  const copy = join(OUTPUT, "copy.db");
  await copyFile(file, copy);
  return {
    ours: [BIN, "hashkv", file],
    peers: [etcdutl!, "hashkv", copy],
    prepare: async () => {},
    outcome: printed,
    [Symbol.asyncDispose]: removeOutput,
  };
}

async function beginHelp(): Promise<Contest> {
  const { etcdctl } = await etcdBinaries("3.6");
  return {
    ours: [BIN, "--help"],
    peers: [etcdctl, "--help"],
    prepare: async () => {},
    outcome: () => "help",
    async [Symbol.asyncDispose]() {},
  };
}

function printed({ stdout }: Run): string {
  return stdout.trim();
}
