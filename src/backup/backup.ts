/**
 * The story of `backup`: choose a member, stream its snapshot, prove, pack and seal it on its way into one or several
 * stores, ask the member whether it says the same, and publish.
 */
import type { ClusterClient } from "../etcd/cluster-client.ts";
import { openSnapshot } from "../etcd/snapshot.ts";
import type { Inspection } from "../inspect/report.ts";
import { refuseDamaged } from "../inspect/verdict.ts";
import { monotonicMs, now } from "../io/clock.ts";
import type { LoadedBackup } from "../repository/catalog.ts";
import { nextLineage } from "../repository/lineage.ts";
import type { Manifest } from "../repository/manifest.ts";
import {
  publishSnapshot,
  type Origin,
  type Published,
  type PublishOptions,
} from "../repository/publish-snapshot.ts";
import type { Repository } from "../repository/repository.ts";
import { HoldfastError } from "../errors.ts";
import { fromBestMember, type ChosenMember } from "./best-member.ts";
import { memberList, type AskOptions } from "./cluster-members.ts";
import { confirmHash } from "./confirm-hash.ts";
import { tellFindings } from "./damaged-file.ts";
import { newestAmong, previousOf, type NewestOptions } from "./place-in-lineage.ts";

export interface BackupOptions
  extends
    AskOptions,
    NewestOptions,
    Pick<PublishOptions, "cluster" | "required" | "recipients" | "sign" | "tool"> {
  /** Codes that are no reason to refuse the snapshot: of findings, and "hash-contradicted". */
  readonly accept: readonly string[];
  /** Called now and then with the bytes that have come, and those to expect. */
  readonly progress: (bytes: number, totalBytes: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Backs the cluster up. Where a member is lost on the way, sends a damaged snapshot, or contradicts what it sent, another
 * is tried.
 */
export async function backUp(
  client: ClusterClient,
  repositories: readonly Repository[],
  options: BackupOptions,
): Promise<Published> {
  const newest = await newestAmong(repositories, options.cluster, options);
  return fromBestMember(client, { ...options, mayRepeat: true }, (member) =>
    backUpFrom(member, newest, repositories, options),
  );
}

async function backUpFrom(
  member: ChosenMember,
  newest: LoadedBackup | undefined,
  repositories: readonly Repository[],
  options: BackupOptions,
): Promise<Published> {
  const { signal, progress } = options;
  const members = await currentMembers(member, options);
  const timeMs = now().getTime();
  using stream = await openSnapshot(member.connection, { signal });
  const start = monotonicMs();
  return await publishSnapshot(stream, repositories, {
    ...options,
    timeMs,
    requireTrailer: true,
    progress: (bytes) => progress(bytes, stream.sizeHint),
    async judge(inspection) {
      const streamed = monotonicMs();
      tellFindings(inspection.report, options.log);
      refuseDamaged(inspection.report, options.accept);
      const isConfirmed = await confirm(member, inspection, options);
      const durations = {
        stream: Math.round(streamed - start),
        confirm: Math.round(monotonicMs() - streamed),
      };
      return { ...originOf(member, newest, inspection), members, isConfirmed, durations };
    },
  });
}

async function confirm(
  { connection }: ChosenMember,
  inspection: Inspection,
  options: BackupOptions,
): Promise<boolean> {
  try {
    return await confirmHash(connection, inspection, options);
  } catch (error) {
    if (!(error instanceof HoldfastError) || !options.accept.includes(error.code)) throw error;
    options.log.warn(`accepted: ${error.message}`);
    return false;
  }
}

function originOf(
  { connection, memberId, status, reason }: ChosenMember,
  newest: LoadedBackup | undefined,
  { report }: Inspection,
): Omit<Origin, "isConfirmed" | "durations"> {
  const clusterId = (status.header?.clusterId ?? 0n).toString(16);
  const { revision } = report;
  const before = newest && {
    lineage: newest.name.lineage,
    revision: newest.name.revision,
    clusterId: newest.manifest.source?.clusterId,
  };
  return {
    lineage: nextLineage(before, { revision, clusterId }),
    previous: previousOf(newest),
    imported: false,
    server: status.version,
    source: {
      endpoint: connection.endpoint.text,
      clusterId,
      memberId: memberId.toString(16),
      memberName: report.members.find(({ id }) => id === memberId)?.name ?? "",
      reason,
    },
  };
}

/** More than a manifest has room for, and than any cluster has. */
const MOST_MEMBERS = 100;

/** As the cluster has them now: before 3.6 the snapshot's own list may hold members that are long gone. */
async function currentMembers(
  { connection }: ChosenMember,
  { signal, log }: BackupOptions,
): Promise<Manifest["members"] | undefined> {
  try {
    const members = await memberList(connection, signal);
    return members.slice(0, MOST_MEMBERS).map(({ ID, name, peerURLs, clientURLs, isLearner }) => {
      return { id: ID.toString(16), name, peerURLs, clientURLs, isLearner };
    });
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof HoldfastError)) throw error;
    log.warn(`the members are taken from the snapshot: ${error.message}`);
    return undefined;
  }
}
