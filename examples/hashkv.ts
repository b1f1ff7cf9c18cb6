/**
 * HashKV of a snapshot, as `etcdctl endpoint hashkv` prints it for a live member: the same number means the same data.
 * `node examples/hashkv.ts snapshot.db [REVISION]`
 */
import { inspectFile } from "holdfast";

const [path, at] = process.argv.slice(2);
const inspection = await inspectFile(path!);
const { hash, revision, compactRevision } = inspection.hashKV(at ? BigInt(at) : undefined);
console.log(`hash ${hash} at revision ${revision}, compacted at ${compactRevision}`);
