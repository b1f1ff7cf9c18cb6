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
