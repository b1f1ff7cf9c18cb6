import { HoldfastError } from "../errors.ts";
import type { Finding } from "../format/finding.ts";
import type { Report } from "./report.ts";

/** What nobody can accept: behind it there is no database that could be looked at, or restored. */
const NO_DATABASE = "meta-invalid";

/** The errors of a report that nobody has accepted. */
export function unaccepted(report: Report, accept: readonly string[]): Finding[] {
  return report.findings.filter(
    ({ severity, code }) =>
      severity === "error" && (code === NO_DATABASE || !accept.includes(code)),
  );
}

/** Throws "snapshot-damaged", naming what was found, unless every error is accepted by its code. */
export function refuseDamaged(report: Report, accept: readonly string[]): void {
  const errors = unaccepted(report, accept);
  const [first] = errors;
  if (first === undefined) return;
  const codes = [...new Set(errors.map(({ code }) => code))];
  const more = errors.length === 1 ? "" : ` (and ${errors.length - 1} more)`;
  throw new HoldfastError("snapshot-damaged", `the snapshot is damaged: ${first.message}${more}`, {
    hint: codes.includes(NO_DATABASE)
      ? "check that this is an etcd snapshot: a sealed or compressed backup must be opened first"
      : `take another snapshot, or use an older one; to go on all the same, at your own risk: ${codes.map((code) => `--accept-finding ${code}`).join(" ")}`,
  });
}
