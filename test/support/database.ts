/** bbolt files in memory for tests: contents as plain text that can be compared, and random contents for property tests. */
import fc from "fast-check";
import { compareBytes, textBytes } from "../../src/format/bytes.ts";
import { openDatabase } from "../../src/format/bbolt/reader.ts";
import type { Entry, ReadAt } from "../../src/format/bbolt/reader.ts";
import { writeDatabase } from "../../src/format/bbolt/writer.ts";
import type { PageWrite, WriteOptions } from "../../src/format/bbolt/writer.ts";

/** Buckets in ascending order, each with its entries in order, key and value hexadecimal. */
export type Contents = Record<string, [string, string][]>;

/** The same with bytes: what the writer takes. */
export type Buckets = Map<string, Entry[]>;

export function readAtOf(file: Uint8Array): ReadAt {
  return (offset, length) => file.subarray(offset, offset + length);
}

/** A copy of `file`, brought to `size`, with the writes in it. */
export function applied(
  file: Uint8Array,
  writes: Iterable<PageWrite>,
  size: number,
): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(size);
  out.set(file.subarray(0, size));
  for (const { offset, bytes } of writes) out.set(bytes, offset);
  return out;
}

/** The file that the writer makes of `buckets`. */
export function databaseOf(buckets: Buckets, options: WriteOptions): Uint8Array<ArrayBuffer> {
  const writes = [...writeDatabase(sourcesOf(buckets), options)];
  const size = Math.max(...writes.map(({ offset, bytes }) => offset + bytes.length));
  return applied(new Uint8Array(0), writes, size);
}

/** Buckets as the writer wants them, sorted by name. */
export function sourcesOf(buckets: Buckets): { name: string; entries: Entry[] }[] {
  return sorted(buckets).map(([name, entries]) => ({ name, entries }));
}

/** What our reader finds in a file. */
export function contentsOf(file: Uint8Array): Contents {
  const database = openDatabase(readAtOf(file), file.length);
  const out: Contents = {};
  for (const bytes of database.bucketNames()) {
    const name = Buffer.from(bytes).toString();
    // In a damaged file a name can be where it is not found.
    out[name] = Array.from(database.bucket(name)?.entries() ?? [], inHex);
  }
  return out;
}

/** What a file with these buckets should have. */
export function expected(buckets: Buckets): Contents {
  return Object.fromEntries(sorted(buckets).map(([name, entries]) => [name, entries.map(inHex)]));
}

/** The lines of the bbolt part's `dump`. */
export function contentsOfDump(dump: string): Contents {
  const out: Contents = {};
  for (const line of dump.split("\n")) {
    if (line === "") continue;
    const { bucket, key, value } = JSON.parse(line) as Record<string, string>;
    const entries = (out[Buffer.from(bucket!, "hex").toString()] ??= []);
    if (key !== undefined) entries.push([key, value ?? ""]);
  }
  return out;
}

/** The lines that the bbolt part's `make` takes. */
export function dumpOf(contents: Contents): string {
  const lines: object[] = [];
  for (const [name, entries] of Object.entries(contents)) {
    const bucket = Buffer.from(name).toString("hex");
    lines.push({ bucket }, ...entries.map(([key, value]) => ({ bucket, key, value })));
  }
  return lines.map((line) => JSON.stringify(line)).join("\n");
}

function sorted(buckets: Buckets): [string, Entry[]][] {
  return [...buckets].toSorted(([a], [b]) => compareBytes(textBytes(a), textBytes(b)));
}

function inHex({ key, value }: Entry): [string, string] {
  return [Buffer.from(key).toString("hex"), Buffer.from(value).toString("hex")];
}

/** `count` entries with ascending keys of `keyBytes` and values of `valueBytes`. */
export function rows(count: number, keyBytes: number, valueBytes: number, first = 0): Entry[] {
  return Array.from({ length: count }, (_, i) => {
    const key = new Uint8Array(keyBytes);
    new DataView(key.buffer).setUint32(0, first + i);
    return { key, value: new Uint8Array(valueBytes).fill(i) };
  });
}

/** Entries with ascending keys: mostly small ones, with some keys and values of up to a few pages. */
export function anyEntries(pageSize: number): fc.Arbitrary<Entry[]> {
  const keyBytes = fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 1, max: 20 }) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: Math.min(2 * pageSize, 32768) }) },
  );
  const valueBytes = fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0, max: 100 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 3 * pageSize }) },
  );
  const entry = fc
    .record({ head: fc.uint8Array({ minLength: 1, maxLength: 4 }), keyBytes, valueBytes })
    .map(({ head, keyBytes: length, valueBytes: size }) => {
      const key = new Uint8Array(Math.max(length, head.length)).fill(0xa5);
      key.set(head);
      return { key, value: new Uint8Array(size).fill(size) };
    });
  return fc
    .uniqueArray(entry, { selector: ({ key }) => Buffer.from(key).toString("hex"), maxLength: 150 })
    .map((entries) => entries.toSorted((a, b) => compareBytes(a.key, b.key)));
}

export function anyBuckets(pageSize: number): fc.Arbitrary<Buckets> {
  const name = fc.constantFrom("alarm", "auth", "cluster", "key", "lease", "members", "meta", "é");
  return fc
    .uniqueArray(fc.tuple(name, anyEntries(pageSize)), { selector: ([one]) => one, maxLength: 6 })
    .map((buckets) => new Map(buckets));
}

export const anyPageSize = fc.constantFrom(1024, 4096, 16384, 65536);
