/** PURE. The edited database as a new file without free pages, instead of pages appended to the old one. */
import type { Edits } from "../format/bbolt/patch.ts";
import type { Database, Entry } from "../format/bbolt/reader.ts";
import { writeDatabase, type BucketSource, type PageWrite } from "../format/bbolt/writer.ts";
import { bytesText } from "../format/bytes.ts";

/**
 * The pages of the new file, by ascending offset but for the two metas, which come last. What is read is read as it is
 * needed: memory stays that of a few pages. Throws as `writeDatabase` and the reader do.
 */
export function rewriteDatabase(database: Database, edits: Edits): Generator<PageWrite, void> {
  const { pageSize } = database.meta;
  return writeDatabase(editedBuckets(database, edits), { pageSize });
}

/** Larger writes are not faster. */
const GATHERED_BYTES = 4 << 20;

/** The same bytes in fewer writes: pages that follow each other go together. Each is valid until the next is asked for. */
export function* gathered(pages: Iterable<PageWrite>): Generator<PageWrite, void> {
  const memory = new Uint8Array(GATHERED_BYTES);
  let start = 0;
  let filled = 0;
  for (const { offset, bytes } of pages) {
    const isNext = offset === start + filled && filled + bytes.length <= memory.length;
    if (!isNext) {
      if (filled > 0) yield { offset: start, bytes: memory.subarray(0, filled) };
      [start, filled] = [offset, 0];
    }
    if (bytes.length > memory.length) {
      yield { offset, bytes };
      start += bytes.length;
    } else {
      memory.set(bytes, filled);
      filled += bytes.length;
    }
  }
  if (filled > 0) yield { offset: start, bytes: memory.subarray(0, filled) };
}

function* editedBuckets(database: Database, { replace, append }: Edits): Generator<BucketSource> {
  const names = new Set([...[...database.bucketNames()].map(bytesText), ...replace.keys()]);
  // Names are ASCII: their order as text is that of their bytes.
  for (const name of [...names].toSorted())
    yield {
      name,
      entries: replace.get(name) ?? withMore(database.bucket(name)!.entries(), append?.get(name)),
    };
}

function* withMore(entries: Iterable<Entry>, more: readonly Entry[] = []): Generator<Entry> {
  yield* entries;
  yield* more;
}
