/** What is measured, against whom, and what it has to reach. */
import { existsSync } from "node:fs";
import { copyFile, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { etcdBinaries } from "../test/support/etcd.ts";
import { BIN } from "../test/support/holdfast.ts";
import { output } from "../test/support/program.ts";
import type { Contest } from "./contest.ts";
import { CACHE, snapshot, type Size } from "./input.ts";
import { evict, type Run } from "./measure.ts";
import { serve } from "./server.ts";

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
  /** Whether it reads an input at all. */
  readonly sized: boolean;
  begin(size: Size): Promise<Contest>;
}

/** Bytes that a process may hold at most, by the size of its input. */
export const MOST_RSS: Record<Size, number> = { "100m": 250e6, "1.6g": 250e6, "8g": 400e6 };

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
    id: "help",
    title: "`--help`",
    peer: "etcdctl 3.6",
    target: { mostMs: 150 },
    boundedMemory: false,
    sized: false,
    begin: beginHelp,
  },
];

/** Where the commands write; on the disk of the inputs. */
const OUTPUT = join(CACHE, "output");

async function clear(): Promise<void> {
  await rm(OUTPUT, { recursive: true, force: true });
  await mkdir(OUTPUT, { recursive: true });
}

const removeOutput = () => rm(OUTPUT, { recursive: true, force: true });

async function beginSave(size: Size): Promise<Contest> {
  const server = await serve(await snapshot(size));
  const { etcdctl, etcdutl } = await etcdBinaries("3.6");
  const file = join(OUTPUT, "saved.db");
  const save = ["snapshot", "save", file, `--endpoints=${server.endpoints[0]}`];
  return {
    ours: [BIN, ...save],
    peers: [etcdctl, ...save],
    prepare: clear,
    outcome: () => contents(etcdutl!, file),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await removeOutput();
    },
  };
}

/** Of two snapshots of one server the pages may differ, and with them the hash and the size. */
async function contents(etcdutl: string, file: string): Promise<string> {
  const status = await output(etcdutl, ["snapshot", "status", file, "--write-out=json"]);
  const { revision, totalKey } = JSON.parse(status) as { revision: number; totalKey: number };
  return `${totalKey} keys at revision ${revision}`;
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
    prepare: clear,
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
  await clear();
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
