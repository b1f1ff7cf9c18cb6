/** What a manifest says of its snapshot: the part of the inspection's report that may lie in plain text in a store. */
import type { Finding } from "../format/finding.ts";
import type { Report, Usage } from "../inspect/report.ts";
import type { Manifest } from "./manifest.ts";

/** Fields of a manifest that follow from the snapshot alone. */
export type SnapshotFacts = Pick<
  Manifest,
  | "members"
  | "revision"
  | "compactedRevision"
  | "statusHash"
  | "txid"
  | "contents"
  | "prefixes"
  | "findings"
  | "snapshot"
> & {
  readonly hashKV: Omit<Manifest["hashKV"], "isConfirmed">;
  readonly etcd: Pick<Manifest["etcd"], "storage" | "cluster">;
};

/** How many prefixes are named; the rest is added up in one more. */
const NAMED = 40;
const LONGEST_PREFIX = 200;
const MOST_MEMBERS = 100;

export function snapshotFacts(report: Report): SnapshotFacts {
  const { hashKV } = report;
  return {
    etcd: { storage: report.storageVersion, cluster: report.clusterVersion },
    members: report.members.slice(0, MOST_MEMBERS).map((member) => ({
      id: member.id.toString(16),
      name: member.name,
      peerURLs: [...member.peerURLs],
      clientURLs: [...member.clientURLs],
      isLearner: member.isLearner,
    })),
    revision: String(report.revision),
    compactedRevision: String(report.compactRevision),
    statusHash: report.status.hash,
    hashKV: {
      hash: hashKV.hash,
      revision: String(hashKV.revision),
      compactRevision: String(hashKV.compactRevision),
    },
    txid: String(report.txid),
    contents: contentsOf(report),
    prefixes: publicPrefixes(report.prefixes),
    findings: countFindings(report.findings),
    snapshot: { size: report.bytes, sha256: report.sha256, trailer: report.trailer },
  };
}

function contentsOf(report: Report): Manifest["contents"] {
  return {
    liveKeys: report.liveKeys,
    rows: report.rows,
    tombstones: report.tombstones,
    leases: report.leases,
    dbSize: report.dbSize,
    dbSizeInUse: report.dbSizeInUse,
    authEnabled: report.auth.enabled,
    alarms: report.alarms.map(({ memberId, alarm }) => ({
      memberId: memberId.toString(16),
      alarm,
    })),
    downgrade: report.downgrade,
  };
}

const KUBERNETES = /^\/(registry|kubernetes\.io|openshift\.io)(\/|$)/;

/**
 * Kubernetes' resources as they are. Anything else is the keys of somebody's application, and only the first level of
 * them is told.
 */
function publicPrefixes(prefixes: readonly Usage[]): Manifest["prefixes"] {
  const sums = new Map<string, Manifest["prefixes"][number]>();
  for (const [at, usage] of prefixes.entries()) {
    const prefix = at < NAMED ? publicPrefix(usage.name) : "(others)";
    const sum = sums.get(prefix);
    if (sum === undefined) {
      const { keys, rows, bytes } = usage;
      sums.set(prefix, { prefix, keys, rows, bytes });
    } else {
      sum.keys += usage.keys;
      sum.rows += usage.rows;
      sum.bytes += usage.bytes;
    }
  }
  return [...sums.values()];
}

function publicPrefix(name: string): string {
  const shown = KUBERNETES.test(name) ? name : (/^\/?[^/]*/.exec(name)?.[0] ?? "");
  return shown.slice(0, LONGEST_PREFIX);
}

function countFindings(findings: readonly Finding[]): Manifest["findings"] {
  const counts = new Map<string, Manifest["findings"][number]>();
  for (const { code, severity } of findings) {
    const known = counts.get(code);
    if (known === undefined) counts.set(code, { code, severity, count: 1 });
    else known.count++;
  }
  return [...counts.values()];
}
