/** Runs the inspector over bytes in memory, handed over in pieces of any size. */
import { inspectStream } from "../../src/inspect/inspect.ts";
import type { InspectOptions } from "../../src/inspect/inspect.ts";
import type { Inspection, Report } from "../../src/inspect/report.ts";
import type { ByteSource } from "../../src/io/source.ts";

/** A source of these bytes; `step` says how many a read gives at most. */
export function sourceOf(bytes: Uint8Array, step: () => number = () => Infinity): ByteSource {
  let at = 0;
  return {
    sizeHint: bytes.length,
    async read(into) {
      const count = Math.min(into.length, step(), bytes.length - at);
      into.set(bytes.subarray(at, at + count));
      at += count;
      return count;
    },
  };
}

export function inspected(bytes: Uint8Array, options: InspectOptions = {}): Promise<Inspection> {
  return inspectStream(sourceOf(bytes), options);
}

export async function reportOf(bytes: Uint8Array, options: InspectOptions = {}): Promise<Report> {
  return (await inspected(bytes, options)).report;
}

/** `code` of every finding, with its severity; each once, sorted. */
export function codesOf(report: Report): string[] {
  return [
    ...new Set(report.findings.map(({ code, severity }) => `${severity} ${code}`)),
  ].toSorted();
}

/** What a report says of the contents, whatever pages they lie in. */
export function contentsOfReport(report: Report): Partial<Report> {
  const { sha256, bytes, pageSize, pages, dbSize, dbSizeInUse, txid, freelist, ...rest } = report;
  const { totalSize, ...status } = rest.status;
  return { ...rest, status: status as Report["status"] };
}
