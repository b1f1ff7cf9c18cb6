import type { Report } from "../inspect/report.ts";
import { createDurableFile, type DurableFile } from "../io/durable-file.ts";
import { textBytes } from "../format/bytes.ts";
import { toJson } from "../io/json.ts";
import type { Log } from "../io/log.ts";

/** More than these help nobody on a terminal; `keepDamagedFile` writes them all. */
const TOLD = 10;

/** Logs what was found wrong, errors first. */
export function tellFindings({ findings }: Report, log: Log): void {
  for (const { message, code, severity, where } of findings.slice(0, TOLD))
    log.warn(message, { code, severity, ...where });
  if (findings.length > TOLD) log.warn(`and ${findings.length - TOLD} more findings`);
}

/**
 * On a bad day a damaged copy is better than none: keeps it as `target`.damaged, and its findings as
 * `target`.damaged.findings.json.
 */
export async function keepDamagedFile(
  file: DurableFile,
  target: string,
  report: Report,
  log: Log,
): Promise<void> {
  const damaged = `${target}.damaged`;
  await using findings = await createDurableFile(`${damaged}.findings.json`);
  await findings.write(textBytes(`${toJson(report.findings, 2)}\n`), 0);
  await findings.commit();
  await file.commit(damaged);
  log.warn(`the damaged snapshot is kept as "${damaged}", its findings beside it`);
}
