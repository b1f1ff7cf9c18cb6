/** The buckets of a snapshot, and how many entries each has: `node examples/buckets.ts snapshot.db` */
import { openSnapshot } from "holdfast";

using snapshot = openSnapshot(process.argv[2]!);
for (const name of snapshot.buckets()) {
  let entries = 0;
  for (const _entry of snapshot.bucket(name)!.entries()) entries++;
  console.log(`${name}\t${entries}`);
}
