/** The manifest of a snapshot that somebody else has taken: what is known of it is in the snapshot and in its name. */
import type { Report } from "../inspect/report.ts";
import { snapshotFacts } from "./facts.ts";
import type { BackupName } from "./layout.ts";
import { MANIFEST_VERSION, type Manifest } from "./manifest.ts";
import { isoTime, parseStamp } from "./stamp.ts";

export interface Imported {
  readonly name: BackupName;
  readonly report: Report;
  readonly sealing: Manifest["sealing"];
  readonly objects: Manifest["objects"];
  readonly durations: Manifest["durations"];
  readonly tool: string;
}

/** `previous` stays empty: an import comes into the middle of a history that did not know of it. */
export function importedManifest(imported: Imported): Manifest {
  const { name, report, sealing, objects, durations, tool } = imported;
  const { etcd, hashKV, ...facts } = snapshotFacts(report);
  return {
    version: MANIFEST_VERSION,
    kind: "holdfast-backup",
    id: name.id,
    cluster: name.cluster,
    lineage: name.lineage,
    time: isoTime(name.time),
    previous: null,
    imported: true,
    tool,
    source: null,
    etcd: { server: "", ...etcd },
    hashKV: { ...hashKV, isConfirmed: false },
    ...facts,
    packing: "zstd-seekable",
    sealing,
    objects,
    durations,
  };
}

const DIGITS =
  /(?<!\d)(\d{4})[-_.]?(\d{2})[-_.]?(\d{2})(?:[T_ .-]?(\d{2})[-_:.h]?(\d{2})(?:[-_:.m]?(\d{2}))?s?)?(?!\d)/g;

/**
 * When a snapshot was taken, by the stamp in the name of its file as scripts write it (`etcd-2026-11-24_0703.db`,
 * `snapshot_20261124T070320Z.db`, `etcd-snapshot-node1-1795503800`): milliseconds since 1970, taken for UTC; undefined
 * when there is none. A day alone is its first second.
 */
export function timeInName(fileName: string): number | undefined {
  for (const [, year, month, day, hour = "00", minute = "00", second = "00"] of fileName.matchAll(
    DIGITS,
  )) {
    const time = parseStamp(`${year}${month}${day}T${hour}${minute}${second}Z`);
    if (time !== undefined && Number(year) >= 2013) return time;
  }
  // Seconds since 1970, as k3s writes them: of ten digits since 2001.
  const seconds = /(?<!\d)(1\d{9})(?!\d)/.exec(fileName)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
