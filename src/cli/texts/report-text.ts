/** An inspection report for people: sections of aligned lines, the findings and the verdict last. */
import type { Finding, Place } from "../../format/finding.ts";
import type { Report, Usage } from "../../inspect/report.ts";
import { printable } from "../../io/printable.ts";
import { count, grouped } from "./count.ts";
import { humanSize } from "./size.ts";
import { alignColumns } from "./table.ts";

/** Longer lists are cut in text, with a line that says so; JSON and YAML hold everything. */
const SHOWN = 20;
const KEY_SHOWN = 120;

type Row = readonly string[];

/**
 * The whole report, without a last newline.
 *
 * @param name what was inspected, as the user named it
 */
export function reportText(name: string, report: Report): string {
  const findings = list("Findings", findingRows(report.findings));
  const sections = [...(report.pageSize > 0 ? contents(name, report) : []), findings];
  return [...sections.filter((lines) => lines.length > 0), verdictLines(report)]
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

/** All but findings and verdict; there is none where the bytes are no database. */
function contents(name: string, report: Report): readonly (readonly string[])[] {
  return [
    section(printable(name), fileRows(report)),
    section("Store", storeRows(report)),
    section("Cluster", clusterRows(report)),
    list("Members, as the snapshot has them", memberRows(report)),
    list("By prefix", usageRows("PREFIX", report.prefixes), [1, 2, 3]),
    list("By namespace", usageRows("NAMESPACE", report.namespaces), [1, 2, 3]),
    list("Largest rows", largestRows(report), [0, 1]),
    list("Most revisions", mostRevisedRows(report), [0]),
  ];
}

function section(title: string, rows: readonly Row[]): readonly string[] {
  return [title, ...indented(alignColumns(rows))];
}

/** A table with a header; nothing at all without rows. */
function list(
  title: string,
  [header, ...rows]: readonly Row[],
  right: readonly number[] = [],
): readonly string[] {
  if (rows.length === 0) return [];
  const shown = rows.slice(0, SHOWN);
  const rest = rows.length - shown.length;
  const more = rest > 0 ? [`… and ${rest} more: -o json has them all`] : [];
  return [title, ...indented([...alignColumns([header!, ...shown], right), ...more])];
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

function fileRows(report: Report): Row[] {
  const { bytes, dbSize, dbSizeInUse, pages, pageSize, status } = report;
  return [
    ["SHA-256", report.sha256],
    ["trailer", TRAILER[report.trailer]],
    ...(report.holder === undefined ? [] : [["held by", holderText(report.holder)]]),
    ["bytes read", exactSize(bytes)],
    [
      "database",
      `${exactSize(dbSize)}, ${humanSize(dbSizeInUse)} in use (${percent(dbSizeInUse, dbSize)})`,
    ],
    ["pages", `${grouped(pages)} of ${grouped(pageSize)} bytes`],
    ["freelist", FREELIST[report.freelist]],
    ["transaction", String(report.txid)],
    ["status hash", status.hash.toString(16)],
  ];
}

const TRAILER: Record<Report["trailer"], string> = {
  verified: "verified: it is the SHA-256 of the data",
  mismatch: "MISMATCH: it is not the SHA-256 of the data",
  absent: "absent: not taken over the wire, or cut off",
};
const FREELIST: Record<Report["freelist"], string> = {
  persisted: "persisted",
  rebuilt: "not persisted, as etcd leaves it",
};

function holderText(holder: string): string {
  if (holder === "free") return "nobody";
  return holder === "unknown" ? "unknown: it cannot be seen from here" : printable(holder);
}

function storeRows(report: Report): Row[] {
  const { hash, revision } = report.hashKV;
  return [
    ["revision", String(report.revision)],
    ["compacted", report.compactRevision < 0n ? "never" : `at ${report.compactRevision}`],
    ["HashKV", `${hash} at revision ${revision}`],
    ["rows", grouped(report.rows)],
    ["live keys", grouped(report.liveKeys)],
    ["tombstones", grouped(report.tombstones)],
    ["leases", grouped(report.leases)],
  ];
}

function clusterRows(report: Report): Row[] {
  const { auth, alarms, downgrade } = report;
  const alarm = alarms.map(({ memberId, alarm: kind }) => `${kind} on ${memberId.toString(16)}`);
  return [
    ["storage version", report.storageVersion || "not recorded (3.5 or older)"],
    ["cluster version", report.clusterVersion || "not recorded"],
    ...(downgrade === "" ? [] : [["downgrade", `under way, to ${printable(downgrade)}`]]),
    ["auth", auth.enabled ? "enabled" : "disabled"],
    ["users", names(auth.users)],
    ["roles", names(auth.roles)],
    ["alarms", names(alarm)],
    ["consistent index", String(report.consistentIndex)],
    ["term", String(report.term)],
  ];
}

function names(all: readonly string[]): string {
  return all.length === 0 ? "none" : printable(all.join(", "));
}

function memberRows({ members }: Report): Row[] {
  return [
    ["ID", "NAME", "PEER URLS", "CLIENT URLS", "LEARNER"],
    ...members.map(({ id, name, peerURLs, clientURLs, isLearner }) => [
      id.toString(16),
      printable(name) || "(not started)",
      printable(peerURLs.join(",")),
      printable(clientURLs.join(",")),
      isLearner ? "yes" : "no",
    ]),
  ];
}

/** Keys may be of any length; a line of the terminal is not. */
function shortKey(key: string): string {
  const text = printable(key);
  return text.length <= KEY_SHOWN ? text : `${text.slice(0, KEY_SHOWN - 1)}…`;
}

function usageRows(title: string, usage: readonly Usage[]): Row[] {
  return [
    [title, "KEYS", "ROWS", "SIZE"],
    ...usage.map(({ name, keys, rows, bytes }) => [
      shortKey(name) || "(none)",
      grouped(keys),
      grouped(rows),
      humanSize(bytes),
    ]),
  ];
}

function largestRows({ largest }: Report): Row[] {
  return [
    ["SIZE", "REVISION", "KEY"],
    ...largest.map(({ key, bytes, revision }) => [
      humanSize(bytes),
      String(revision),
      shortKey(key),
    ]),
  ];
}

function mostRevisedRows({ mostRevised }: Report): Row[] {
  return [
    ["REVISIONS", "KEY"],
    ...mostRevised.map(({ key, revisions }) => [grouped(revisions), shortKey(key)]),
  ];
}

function findingRows(findings: readonly Finding[]): Row[] {
  return [
    ["SEVERITY", "CODE", "WHERE", "WHAT"],
    ...findings.map(({ severity, code, where, message }) => [
      severity,
      code,
      placeText(where),
      printable(message),
    ]),
  ];
}

/** A place in words, as much as is known of it; "-" when nothing is. */
export function placeText({ page, offset, bucket, key }: Place): string {
  const parts = [
    page === undefined ? "" : `page ${page}`,
    offset === undefined ? "" : `offset ${offset}`,
    bucket === undefined ? "" : `bucket ${printable(bucket)}`,
    key === undefined ? "" : `key ${key}`,
  ];
  return parts.filter((part) => part !== "").join(", ") || "-";
}

function verdictLines({ findings }: Report): string[] {
  const errors = findings.filter(({ severity }) => severity === "error").length;
  const warnings = findings.length - errors;
  if (errors > 0) return [`DAMAGED: ${count(errors, "error")}, ${count(warnings, "warning")}`];
  return [warnings > 0 ? `sound, with ${count(warnings, "warning")}` : "sound"];
}

function exactSize(bytes: number): string {
  return `${humanSize(bytes)} (${grouped(bytes)} bytes)`;
}

function percent(part: number, whole: number): string {
  return whole === 0 ? "0 %" : `${Math.floor((part / whole) * 100)} %`;
}
