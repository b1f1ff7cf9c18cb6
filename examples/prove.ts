/** Proves a snapshot and says what is wrong with it: `node examples/prove.ts snapshot.db` */
import { inspectFile } from "holdfast";

const { report } = await inspectFile(process.argv[2]!);

for (const { severity, code, where, message } of report.findings)
  console.log(`${severity} ${code} at offset ${where.offset ?? "?"}: ${message}`);

console.log(`trailer ${report.trailer}, ${report.bytes} bytes, sha256 ${report.sha256}`);
console.log(`revision ${report.revision}, ${report.liveKeys} keys in ${report.rows} rows`);
process.exitCode = report.findings.some(({ severity }) => severity === "error") ? 1 : 0;
