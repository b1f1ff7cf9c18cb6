/** The snapshots that are measured on, built once into the git-ignored `.cache/bench/`. */
import { createHash } from "node:crypto";
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { mkdir, open, readdir, rename, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeDatabase } from "../src/format/bbolt/writer.ts";
import { kubernetesBuckets } from "./kubernetes.ts";

export type Size = "100m" | "1.6g" | "4g" | "8g";

export const CACHE = fileURLToPath(new URL("../.cache/bench/", import.meta.url));

/** A row takes about 3900 bytes, with what its pages leave empty. */
export const ROWS: Record<Size, number> = {
  "100m": 25_000,
  "1.6g": 408_000,
  "4g": 1_020_000,
  "8g": 2_040_000,
};

const SEED = 20_260;
export const PAGE_SIZE = 4096;
const BUFFER = 4 << 20;

/** The snapshot of a size, as it comes over the wire; built when it is not there. */
export async function snapshot(size: Size): Promise<string> {
  const name = `kubernetes-${size}-`;
  const file = join(CACHE, `${name}${recipe()}.db`);
  if (existsSync(file)) return file;
  process.stderr.write(`bench: building ${file}\n`);
  await mkdir(CACHE, { recursive: true });
  await removeOlder(name);
  await build(`${file}.part`, ROWS[size]);
  await rename(`${file}.part`, file);
  return file;
}

/** Changes with everything that the bytes of an input come from. */
function recipe(): string {
  return digestOf(["input.ts", "kubernetes.ts", "objects.ts", "../src/format/bbolt/writer.ts"]);
}

/** Of sources, by their paths from here: for the name of what is made with them and kept. */
export function digestOf(sources: readonly string[]): string {
  const hash = createHash("sha256");
  for (const source of sources) hash.update(readFileSync(new URL(source, import.meta.url)));
  return hash.digest("hex").slice(0, 8);
}

/** Removes what has this in its name. */
export async function removeOlder(name: string): Promise<void> {
  for (const found of await readdir(CACHE))
    if (found.includes(name)) await rm(join(CACHE, found), { recursive: true });
}

async function build(path: string, rows: number): Promise<void> {
  await using file = await open(path, "w", 0o600);
  const size = await writePages(file, rows);
  const hash = createHash("sha256");
  for await (const bytes of createReadStream(path, { highWaterMark: BUFFER })) hash.update(bytes);
  await file.write(hash.digest(), 0, null, size);
  await file.sync();
}

/** Pages come in file order, the two metas last; gathered, because a call for each page would take the longest. */
async function writePages(file: FileHandle, rows: number): Promise<number> {
  const buffer = new Uint8Array(BUFFER);
  let start = 0;
  let filled = 0;
  let size = 0;
  const flush = async (): Promise<void> => {
    await file.write(buffer, 0, filled, start);
    filled = 0;
  };
  const buckets = kubernetesBuckets(rows, SEED);
  for (const { offset, bytes } of writeDatabase(buckets, { pageSize: PAGE_SIZE })) {
    if (offset !== start + filled || filled + bytes.length > buffer.length) await flush();
    if (filled === 0) start = offset;
    buffer.set(bytes, filled);
    filled += bytes.length;
    size = Math.max(size, offset + bytes.length);
  }
  await flush();
  return size;
}

if (import.meta.main) console.log(await snapshot((process.argv[2] ?? "100m") as Size));
