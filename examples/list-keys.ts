/** Lists the keys of a snapshot, now or at an older revision: `node examples/list-keys.ts snapshot.db [REVISION]` */
import { openSnapshot } from "holdfast";

const [path, revision] = process.argv.slice(2);
const decoder = new TextDecoder();

using snapshot = openSnapshot(path!);
for (const { key, value, modRevision } of snapshot.keys(revision ? BigInt(revision) : undefined))
  console.log(`${modRevision}\t${value.length}\t${decoder.decode(key)}`);
