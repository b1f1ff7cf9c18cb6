import { HoldfastError } from "../errors.ts";
import type { ClusterClient } from "../etcd/cluster-client.ts";
import type { Connection } from "../etcd/connection.ts";
import {
  AlarmType,
  Cluster,
  Maintenance,
  type Member,
  type StatusResponse,
} from "../etcd/gen/etcdserverpb/rpc_pb.ts";
import { probe, type Probe } from "../etcd/probe.ts";
import type { Log } from "../io/log.ts";
import type { Candidate } from "../policy/member-choice.ts";

export interface AskedMember extends Candidate {
  readonly connection: Connection;
  readonly status: StatusResponse;
}

export interface AskOptions {
  /** How long further endpoints may take once one has answered. */
  readonly stragglersMs: number;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/**
 * The members behind the endpoints that answer, as candidates for a snapshot; endpoints that do not are logged.
 * Throws when none does.
 */
export async function askMembers(
  client: ClusterClient,
  { stragglersMs, signal, log }: AskOptions,
): Promise<AskedMember[]> {
  const answered: (Probe & { answer: StatusResponse })[] = [];
  for (const { connection, answer } of await probe(client.connections, { stragglersMs, signal })) {
    if (answer instanceof HoldfastError)
      log.warn(`the endpoint "${connection.endpoint.text}" is left out: ${answer.message}`);
    else answered.push({ connection, answer });
  }
  const corrupt = await corruptMembers(answered, signal, log);
  return answered.map(({ connection, answer: status }) => ({
    connection,
    status,
    memberId: status.header?.memberId ?? 0n,
    leaderId: status.leader,
    isLearner: status.isLearner,
    appliedIndex: status.raftAppliedIndex,
    isCorrupt: corrupt.has(status.header?.memberId ?? 0n),
  }));
}

/** Members under the alarm CORRUPT. Asked only if a status mentions any trouble: its text is not made to be parsed. */
async function corruptMembers(
  answered: readonly { readonly connection: Connection; readonly answer: StatusResponse }[],
  signal: AbortSignal,
  log: Log,
): Promise<Set<bigint>> {
  const troubles = new Set(answered.flatMap(({ answer }) => answer.errors));
  for (const trouble of troubles) log.warn(`etcd reports: ${trouble.trim()}`);
  const informed = answered.find(({ answer }) => answer.leader !== 0n && !answer.isLearner);
  if (troubles.size === 0 || informed === undefined) return new Set();
  try {
    const { alarms } = await informed.connection.unary(Maintenance.method.alarm, {}, { signal });
    const found = alarms.filter(({ alarm }) => alarm === AlarmType.CORRUPT);
    return new Set(found.map(({ memberID }) => memberID));
  } catch (error) {
    signal.throwIfAborted();
    log.warn(`the alarms are not known: ${(error as Error).message}`);
    return new Set();
  }
}

/**
 * The members as the cluster has them now. Throws "wrong-protocol" where a proxy answers (`etcd grpc-proxy`): it passes
 * everything else on, and lists itself.
 */
export async function memberList(
  from: Pick<Connection, "unary"> | Pick<ClusterClient, "unary">,
  signal: AbortSignal,
): Promise<Member[]> {
  const { members } = await from.unary(Cluster.method.memberList, {}, { signal });
  const proxy = members.find(({ ID }) => ID === 0n);
  if (proxy === undefined) return members;
  throw new HoldfastError(
    "wrong-protocol",
    `a proxy of etcd answers ("${proxy.name}"), and lists itself instead of the members`,
    { hint: "give the endpoints of the members themselves" },
  );
}
