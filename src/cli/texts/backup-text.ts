/** A backup for people: sections of aligned lines. */
import type { Manifest } from "../../repository/manifest.ts";
import type { Described } from "../../repository/overview.ts";
import { isoTime } from "../../repository/stamp.ts";
import { printable } from "../../io/printable.ts";
import { humanSize } from "./size.ts";
import { alignColumns } from "./table.ts";

type Row = readonly string[];

/** Without a last newline. @param isTrustKnown whether signatures were looked at */
export function backupText(described: Described, isTrustKnown: boolean): string {
  const { name, backup } = described;
  const standing = section(name.id, standingRows(described, isTrustKnown));
  if (backup === undefined) return standing.join("\n");
  const { manifest } = backup;
  return [
    standing,
    section("Cluster", clusterRows(manifest)),
    section("Snapshot", snapshotRows(manifest)),
    section("Objects", objectRows(manifest), [1]),
    section("Members", memberRows(manifest)),
    section("By prefix", prefixRows(manifest), [1, 2, 3]),
    section("Findings", findingRows(manifest), [2]),
  ]
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

/** Nothing at all without rows. */
function section(title: string, rows: readonly Row[], right: readonly number[] = []): string[] {
  if (rows.length === 0) return [];
  const shown = rows.map((row) => row.map(printable));
  return [title, ...alignColumns(shown, right).map((line) => `  ${line}`)];
}

function standingRows(described: Described, isTrustKnown: boolean): Row[] {
  const { name, backup, signer, problem, verified, isPinned } = described;
  const signature =
    signer ?? (isTrustKnown ? "does not count" : "not looked at: no allowed signers are given");
  const proven =
    verified === undefined
      ? "never"
      : `${verified.depth}, ${isoTime(verified.time)}, ${verified.signer === undefined ? "by the name of the evidence" : `signed by ${verified.signer}`}`;
  return [
    ["time", isoTime(name.time)],
    ["lineage", String(name.lineage)],
    ["revision", String(name.revision)],
    ["signed by", signature],
    ["proven", proven],
    ["pinned", isPinned ? "yes" : "no"],
    ...(problem === undefined ? [] : [["problem", problem.message]]),
    ...(backup === undefined ? [] : historyRows(backup.manifest)),
  ];
}

function historyRows({ previous, replaces, imported, tool }: Manifest): Row[] {
  return [
    ["previous", previous?.id ?? "none"],
    ...(replaces === undefined ? [] : [["replaces", replaces]]),
    ...(imported ? [["imported", "yes"]] : []),
    ["made by", tool],
  ];
}

function clusterRows({ cluster, source, etcd }: Manifest): Row[] {
  const from: Row[] =
    source === null
      ? []
      : [
          ["cluster ID", source.clusterId],
          ["from member", `${source.memberName} (${source.memberId}) at ${source.endpoint}`],
          ["because it is", source.reason],
        ];
  return [
    ["name", cluster],
    ...from,
    ["etcd", etcd.server || "not known"],
    ["storage version", etcd.storage || "not recorded"],
    ["cluster version", etcd.cluster || "not recorded"],
  ];
}

function snapshotRows(manifest: Manifest): Row[] {
  const { contents, snapshot, hashKV, sealing } = manifest;
  const confirmed = hashKV.isConfirmed ? "the member said the same" : "not compared with a member";
  return [
    ["database", `${humanSize(contents.dbSize)}, ${humanSize(contents.dbSizeInUse)} in use`],
    ["live keys", `${contents.liveKeys} in ${contents.rows} rows`],
    ["leases", String(contents.leases)],
    ["compacted", manifest.compactedRevision === "-1" ? "never" : manifest.compactedRevision],
    ["HASH", manifest.statusHash.toString(16)],
    ["HashKV", `${hashKV.hash} (${confirmed})`],
    ["SHA-256", snapshot.sha256],
    ["auth", contents.authEnabled ? "enabled" : "disabled"],
    ["alarms", contents.alarms.map(({ alarm }) => alarm).join(", ") || "none"],
    ...(contents.downgrade === "" ? [] : [["downgrade", `under way, to ${contents.downgrade}`]]),
    ["sealed", sealing.kind === "none" ? "NOT SEALED" : `with ${sealing.kind}`],
    ...sealing.recipients.map((recipient) => ["recipient", recipient]),
  ];
}

function objectRows({ objects }: Manifest): Row[] {
  return objects.map(({ role, key, size }) => [role, humanSize(size), key]);
}

function memberRows({ members }: Manifest): Row[] {
  return members.map(({ id, name, peerURLs, isLearner }) => [
    id,
    name || "(not started)",
    peerURLs.join(","),
    isLearner ? "learner" : "",
  ]);
}

/** How many prefixes are shown; JSON has them all. */
const SHOWN = 12;

function prefixRows({ prefixes }: Manifest): Row[] {
  const shown = prefixes.slice(0, SHOWN);
  if (shown.length === 0) return [];
  return [
    ["PREFIX", "KEYS", "ROWS", "SIZE"],
    ...shown.map(({ prefix, keys, rows, bytes }) => [
      prefix || "(none)",
      String(keys),
      String(rows),
      humanSize(bytes),
    ]),
  ];
}

function findingRows({ findings }: Manifest): Row[] {
  return findings.map(({ severity, code, count }) => [severity, code, String(count)]);
}
