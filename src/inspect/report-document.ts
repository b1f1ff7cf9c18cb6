import type { Report } from "./report.ts";

/**
 * A report for programs: ids in hexadecimal as etcd's tools print them, and the verdict.
 *
 * @param name what was inspected: a file as the user named it, or the ID of a backup
 */
export function reportDocument(name: string, report: Report) {
  const errors = report.findings.some(({ severity }) => severity === "error");
  return {
    snapshot: name,
    verdict: errors ? "damaged" : "sound",
    ...report,
    alarms: report.alarms.map((alarm) => ({ ...alarm, memberId: alarm.memberId.toString(16) })),
    members: report.members.map((member) => ({ ...member, id: member.id.toString(16) })),
  };
}
