/** What the findings mean for a command that prints numbers about a snapshot. */
import { HoldfastError } from "../../errors.ts";
import type { Finding } from "../../format/finding.ts";
import type { Report } from "../../inspect/report.ts";
import type { Log } from "../../io/log.ts";
import { unaccepted } from "../../inspect/verdict.ts";
import { snapshotName } from "./snapshot-file.ts";

/** With these the database reads well from end to end, though its bytes are not those that were sent. */
const READS_WELL: readonly string[] = ["trailer-mismatch", "length", "no-trailer"];

/**
 * To be called before numbers are printed: throws where damage makes them meaningless. "not-a-snapshot" when it never
 * was a database (etcdutl's status 1), else "snapshot-damaged".
 */
export function refuseUnreadable(file: string, report: Report): void {
  const errors = unaccepted(report, READS_WELL);
  const alien = errors.find(({ code }) => code === "meta-invalid");
  if (alien !== undefined)
    throw new HoldfastError(
      "not-a-snapshot",
      `invalid database: ${snapshotName(file)}: ${alien.message}`,
      { hint: "check the path; a sealed or compressed backup must be opened first" },
    );
  refuse(file, errors);
}

/** To be called after numbers were printed: throws "snapshot-damaged" for every error that is left. */
export function refuseUnproven(file: string, report: Report): void {
  refuse(file, unaccepted(report, []));
}

/** These concern every number about a snapshot; `holdfast inspect` has the other warnings. */
const DOUBTS: ReadonlySet<string> = new Set(["no-trailer", "file-in-use"]);

/** Logs why the numbers that were printed may not be those of what etcd stored. */
export function tellDoubts({ findings }: Report, log: Log): void {
  for (const { code, severity, message } of findings)
    if (severity === "warning" && DOUBTS.has(code)) log.warn(message);
}

function refuse(file: string, [first, ...rest]: readonly Finding[]): void {
  if (first === undefined) return;
  const more = rest.length === 0 ? "" : ` (and ${rest.length} more)`;
  throw new HoldfastError(
    "snapshot-damaged",
    `the snapshot in ${snapshotName(file)} is damaged: ${first.message}${more}`,
    {
      hint: "take another snapshot, or use an older one; `holdfast inspect` shows every finding",
    },
  );
}
