import type { Meta } from "../format/bbolt/meta.ts";
import { toHex } from "../format/bytes.ts";
import { minorOf, NEWEST_MINOR } from "../format/cluster/version.ts";
import { isVersion } from "../format/mvcc/records.ts";
import type { Crc32c } from "../format/crc32c.ts";
import type { Finding } from "../format/finding.ts";
import { readBuckets, statusHash } from "./buckets.ts";
import { readContents, type Contents } from "./contents.ts";
import type { Findings } from "./findings.ts";
import { checkFreelist } from "./free-pages.ts";
import { hashKV, type HashScope } from "./hash-kv.ts";
import { readHistory } from "./history.ts";
import type { Inspection, Report } from "./report.ts";
import type { Scan } from "./scan.ts";
import { Tree } from "./tree.ts";
import { readUsage } from "./usage.ts";

/** How the stream ended. */
export interface Ending {
  readonly bytes: number;
  /** Whole pages that were there. */
  readonly pagesRead: number;
  /** Of the data, hexadecimal. */
  readonly sha256: string;
  /** The 32 bytes behind the data, zeros where there were none. */
  readonly trailer: Uint8Array;
  readonly requireTrailer: boolean;
}

/** Walks what the scan recorded: length and trailer, trees, freelist, small buckets, rows; and adds it all up. */
export function concludeReport(
  meta: Meta,
  scan: Scan,
  ending: Ending,
  crc32c: Crc32c,
  findings: Findings,
): Inspection {
  const { candidates } = scan;
  const trailer = checkEnd(meta, ending, findings);
  const tree = new Tree(candidates, meta, ending.pagesRead, findings);
  const buckets = readBuckets(candidates, tree, meta.root, crc32c, findings);
  checkFreelist(meta, scan.freelist, tree, findings);
  const contents = readContents(candidates, buckets, findings);
  warnOfState(contents, findings);
  const leaves = buckets.find((bucket) => bucket.name === "key")?.leaves ?? [];
  const history = readHistory(candidates, leaves, contents, meta.pageSize, findings);
  const revision = highest(1n, history.lastRevision, contents.compactRevision);
  const scope: HashScope = {
    candidates,
    leaves,
    compactRevision: contents.compactRevision,
    headRevision: revision,
    history,
    crc32c,
  };
  const dbSize = meta.pages * meta.pageSize;
  const headHash = onDemand(() => hashKV(scope));
  const usage = onDemand(() => readUsage(candidates, leaves, history));
  const report: Report = {
    findings: findings.list(),
    trailer,
    sha256: ending.sha256,
    bytes: ending.bytes,
    pageSize: meta.pageSize,
    pages: meta.pages,
    dbSize,
    dbSizeInUse: tree.reachedPages * meta.pageSize,
    txid: meta.txid,
    freelist: meta.freelist === undefined ? "rebuilt" : "persisted",
    status: {
      hash: statusHash(candidates, buckets, crc32c),
      revision: history.lastRevision,
      totalKey: history.liveKeys,
      totalSize: dbSize,
      version: isVersion(contents.storageVersion) ? contents.storageVersion : "",
    },
    revision,
    compactRevision: contents.compactRevision,
    get hashKV() {
      return headHash();
    },
    rows: history.rows,
    liveKeys: history.liveKeys,
    tombstones: history.tombstones,
    leases: contents.leases.size,
    auth: contents.auth,
    alarms: contents.alarms,
    members: contents.members,
    storageVersion: contents.storageVersion,
    clusterVersion: contents.clusterVersion,
    downgrade: contents.downgrade,
    consistentIndex: contents.consistentIndex,
    term: contents.term,
    get prefixes() {
      return usage().prefixes;
    },
    get namespaces() {
      return usage().namespaces;
    },
    get largest() {
      return usage().largest;
    },
    get mostRevised() {
      return usage().mostRevised;
    },
  };
  return {
    report,
    hashKV: (at = revision, compactedAt = scope.compactRevision) =>
      at === revision && compactedAt === scope.compactRevision
        ? headHash()
        : hashKV({ ...scope, compactRevision: compactedAt }, at),
  };
}

/** What only some who inspect want to know is added up when the first of them asks: it takes as long as the trees. */
function onDemand<T>(compute: () => T): () => T {
  let known: { readonly value: T } | undefined;
  return () => (known ??= { value: compute() }).value;
}

/** What is left to say of bytes that hold no database. */
export function emptyReport(ending: Ending, findings: Finding[]): Report {
  return {
    findings,
    trailer: "absent",
    sha256: ending.sha256,
    bytes: ending.bytes,
    pageSize: 0,
    pages: 0,
    dbSize: 0,
    dbSizeInUse: 0,
    txid: 0n,
    freelist: "rebuilt",
    status: { hash: 0, revision: 0n, totalKey: 0, totalSize: 0, version: "" },
    revision: 1n,
    compactRevision: -1n,
    hashKV: { hash: 0, revision: 1n, compactRevision: -1n },
    rows: 0,
    liveKeys: 0,
    tombstones: 0,
    leases: 0,
    auth: { enabled: false, revision: 0n, users: [], roles: [] },
    alarms: [],
    members: [],
    storageVersion: "",
    clusterVersion: "",
    downgrade: "",
    consistentIndex: 0n,
    term: 0n,
    prefixes: [],
    namespaces: [],
    largest: [],
    mostRevised: [],
  };
}

/**
 * A snapshot from the wire ends with 32 bytes of SHA-256 behind its last page; a data dir's file ends with its last
 * page, or whole pages later. Nothing else is whole.
 */
function checkEnd(meta: Meta, ending: Ending, findings: Findings): Report["trailer"] {
  const dbSize = meta.pages * meta.pageSize;
  const behind = ending.bytes - dbSize;
  if (behind < 0) {
    const text = `the snapshot is cut short: found ${ending.bytes} bytes, wanted ${dbSize} (${meta.pages} pages of ${meta.pageSize})`;
    findings.add("truncated", { offset: ending.bytes }, text);
    return "absent";
  }
  if (behind === ending.trailer.length) {
    const stored = toHex(ending.trailer);
    if (stored === ending.sha256) return "verified";
    const text = `the SHA-256 trailer does not match: stored ${stored}, computed ${ending.sha256}`;
    findings.add("trailer-mismatch", { offset: dbSize }, text);
    return "mismatch";
  }
  if (behind % meta.pageSize !== 0) {
    const text = `found ${behind} bytes behind the last page, wanted 32 (a SHA-256 trailer) or whole pages`;
    findings.add("length", { offset: dbSize }, text);
    return "absent";
  }
  const text =
    "no trailer: nothing says that these are the bytes etcd sent (a copy of a data dir has none)";
  findings.add("no-trailer", { offset: dbSize }, text, ending.requireTrailer ? "error" : "warning");
  return "absent";
}

/** State that comes back with a restore and surprises people then. */
function warnOfState(contents: Contents, findings: Findings): void {
  for (const { memberId, alarm } of contents.alarms)
    findings.add(
      "alarm-raised",
      { bucket: "alarm" },
      `alarm ${alarm} of member ${memberId.toString(16)} is raised and comes back with a restore`,
    );
  const newest = Math.max(minorOf(contents.storageVersion), minorOf(contents.clusterVersion));
  if (newest > NEWEST_MINOR && newest !== Infinity)
    findings.add(
      "version-newer",
      { bucket: "meta" },
      `it is of etcd 3.${newest}, and 3.${NEWEST_MINOR} is the newest known here: what it holds that is new was not looked at`,
    );
  if (contents.downgrade !== "")
    findings.add(
      "downgrade-enabled",
      { bucket: "cluster" },
      `a downgrade to ${contents.downgrade} is in progress and goes on after a restore`,
    );
  if (contents.compactRevision > contents.finishedCompactRevision)
    findings.add(
      "compaction-unfinished",
      { bucket: "meta" },
      `the compaction at ${contents.compactRevision} was not finished: a server finishes it at boot`,
    );
}

function highest(...revisions: readonly bigint[]): bigint {
  return revisions.reduce((a, b) => (a > b ? a : b));
}
