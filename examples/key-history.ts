/** Every change of one key that a snapshot still holds: `node examples/key-history.ts snapshot.db KEY` */
import { openSnapshot } from "holdfast";

const [path, wanted] = process.argv.slice(2);
const decoder = new TextDecoder();

using snapshot = openSnapshot(path!);
console.log(
  `history from ${snapshot.compactRevision < 0n ? "the beginning" : `revision ${snapshot.compactRevision}`}`,
);
for (const { key, value, revision, tombstone } of snapshot.rows())
  if (decoder.decode(key) === wanted)
    console.log(`${revision.main}\t${tombstone ? "deleted" : decoder.decode(value)}`);
