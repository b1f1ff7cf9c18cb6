/** Memory grows with pages and rows in small constants, never with bytes, wherever a snapshot streams through. */
import assert from "node:assert/strict";
import { createCipheriv, createHash } from "node:crypto";
import { closeSync, createReadStream, openSync, writeSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { test } from "node:test";
import type { Entry } from "../src/format/bbolt/reader.ts";
import { writeDatabase } from "../src/format/bbolt/writer.ts";
import { encodeRevision } from "../src/format/mvcc/revision.ts";
import { backendOf } from "./support/backend.ts";
import { sourcesOf } from "./support/database.ts";
import { holdfast } from "./support/holdfast.ts";
import { scratch } from "./support/scratch.ts";
import { emptyStore, encodeKeyValue } from "./support/store.ts";
import { S3_ENV, s3URL, startS3 } from "./support/versitygw.ts";

const PAGE_BYTES = 4096;
const VALUE_BYTES = 3400;
const PRELOAD = new URL("support/peak-memory.ts", import.meta.url).href;
const MB = 1e6;

test("a snapshot that is 320 MB larger takes no more memory than its pages and rows", async () => {
  await using folder = await scratch();
  await using service = await startS3();
  const url = s3URL(await service.createBucket(), service.endpoint);
  const env = { ...S3_ENV, HOLDFAST_REPO: url };
  const ended = await holdfast(["init", "--out", folder.file("keys")], { env });
  assert.equal(ended.status, 0, ended.stderr);
  const small = await peaks(20_000, "small", folder.file, env);
  const large = await peaks(100_000, "large", folder.file, env);
  const pages = (large.bytes - small.bytes) / PAGE_BYTES;
  const bound = 32 * pages + 64 * 80_000 + 40 * MB;
  assert.ok(large.bytes - small.bytes > 5 * bound, "what grows with bytes shows");
  for (const [command, peak] of large.byCommand) {
    const growth = peak - small.byCommand.get(command)!;
    const told = `${command}: ${peak / MB} MB, ${growth / MB} more than for the small one`;
    assert.ok(growth <= bound, `${told}, wanted ${bound / MB} at most`);
  }
});

/** What each command held in memory at most, with a snapshot of so many rows. */
async function peaks(
  rows: number,
  cluster: string,
  file: (...names: string[]) => string,
  env: NodeJS.ProcessEnv,
): Promise<{ bytes: number; byCommand: Map<string, number> }> {
  const path = file(`${cluster}.db`);
  const bytes = await writeSnapshot(path, rows);
  const byCommand = new Map<string, number>();
  const measure = async (name: string, args: readonly string[]): Promise<void> => {
    const peakFile = file("peak");
    const options = { NODE_OPTIONS: `--import=${PRELOAD}`, PEAK_MEMORY_FILE: peakFile };
    const { status, stderr } = await holdfast(args, { env: { ...env, ...options } });
    assert.equal(status, 0, `${name}: ${stderr}`);
    byCommand.set(name, Number(await readFile(peakFile, "utf8")));
    await rm(peakFile);
  };
  const key = (name: string): string => file("keys", name);
  const place = `--cluster=${cluster}`;
  const writing = [
    `--recipients-file=${key("recipients.txt")}`,
    `--signing-key=${key("signing-key")}`,
  ];
  const reading = [
    `--identity=${key("identity.txt")}`,
    `--allowed-signers=${key("allowed-signers")}`,
  ];
  const restored = file(`${cluster}.etcd`);
  await measure("status", ["snapshot", "status", path]);
  await measure("snapshot restore", ["snapshot", "restore", path, `--data-dir=${restored}`]);
  await rm(restored, { recursive: true });
  await measure("import", ["import", path, place, ...writing]);
  await rm(path);
  await measure("verify", ["verify", place, ...reading, "--read-data"]);
  await measure("restore", ["restore", place, ...reading, `--data-dir=${restored}`]);
  await rm(restored, { recursive: true });
  return { bytes, byCommand };
}

/** A snapshot as it comes over the wire, half of whose bytes cannot be compressed; its size. */
async function writeSnapshot(path: string, rows: number): Promise<number> {
  const buckets = sourcesOf(backendOf(emptyStore())).map((source) =>
    source.name === "key" ? { name: "key", entries: puts(rows) } : source,
  );
  const file = openSync(path, "w", 0o600);
  let size = 0;
  for (const { offset, bytes } of writeDatabase(buckets, { pageSize: PAGE_BYTES })) {
    writeSync(file, bytes, 0, bytes.length, offset);
    size = Math.max(size, offset + bytes.length);
  }
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array);
  writeSync(file, hash.digest(), 0, 32, size);
  closeSync(file);
  return size;
}

function* puts(rows: number): Generator<Entry> {
  const noise = createCipheriv("aes-128-ctr", Buffer.alloc(16), Buffer.alloc(16));
  const value = Buffer.alloc(VALUE_BYTES, "status: Running, ");
  const silence = Buffer.alloc(VALUE_BYTES / 2);
  for (let i = 0; i < rows; i++) {
    const revision = BigInt(i + 2);
    value.set(noise.update(silence));
    const fields = { createRevision: revision, modRevision: revision, version: 1n, value };
    yield {
      key: encodeRevision({ main: revision, sub: 0n }),
      value: encodeKeyValue({ key: `/registry/pods/team-${i % 50}/web-${i}`, ...fields }),
    };
  }
}
