import { fileHolder, type FileHolder } from "../io/file-holder.ts";
import { fileSource } from "../io/source.ts";
import { inspectStream, type InspectOptions } from "./inspect.ts";
import type { Inspection, Report } from "./report.ts";

/**
 * Inspects a file, or standard input for "-". A file without trailer may be the database of a running server: who
 * holds it is looked up in the process table; no lock is taken or waited for. Errors of the file system come as they are.
 */
export async function inspectFile(path: string, options: InspectOptions = {}): Promise<Inspection> {
  const isPipe = path === "-";
  await using source = await fileSource(isPipe ? "/dev/stdin" : path);
  const inspection = await inspectStream(source, options);
  return isPipe ? inspection : await lookForHolder(inspection, path);
}

/** Adds to the inspection of a file who holds it, as `inspectFile` does. */
export async function lookForHolder(inspection: Inspection, path: string): Promise<Inspection> {
  if (inspection.report.trailer !== "absent") return inspection;
  return withHolder(inspection, await fileHolder(path));
}

function withHolder(inspection: Inspection, holder: FileHolder): Inspection {
  const { report } = inspection;
  if (holder.state !== "held")
    return { ...inspection, report: amended(report, { holder: holder.state }) };
  const name = `${holder.command} (process ${holder.pid})`;
  const message = `the file is held by ${name}: it may change while it is read, and lacks what is only in the write-ahead log`;
  const finding = { code: "file-in-use", severity: "warning", where: {}, message } as const;
  return {
    ...inspection,
    report: amended(report, { holder: name, findings: [...report.findings, finding] }),
  };
}

/** What is added up only when it is asked for stays so: a spread would ask for all of it. */
function amended(report: Report, more: Partial<Report>): Report {
  const fields = Object.getOwnPropertyDescriptors(report);
  return Object.defineProperties(
    {},
    { ...fields, ...Object.getOwnPropertyDescriptors(more) },
  ) as Report;
}
