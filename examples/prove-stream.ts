/** Proves a snapshot while it is copied elsewhere: `zstd -dc snapshot.db.zst | node examples/prove-stream.ts copy.db` */
import { open } from "node:fs/promises";
import { inspectStream, iterableSource, refuseDamaged } from "holdfast";

await using copy = await open(process.argv[2]!, "wx", 0o600);

const { report } = await inspectStream(iterableSource(process.stdin), {
  sink: {
    write: async (bytes, position) => void (await copy.write(bytes, 0, bytes.length, position)),
  },
  requireTrailer: true,
});
refuseDamaged(report, []); // throws a HoldfastError that names the first finding
await copy.sync();
console.log(`${report.bytes} proven bytes up to revision ${report.revision}`);
