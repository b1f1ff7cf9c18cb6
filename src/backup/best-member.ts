/** From which member a snapshot is taken, and from which one next when that fails. */
import { HoldfastError, type ErrorCode } from "../errors.ts";
import type { ClusterClient } from "../etcd/cluster-client.ts";
import { allFailed } from "../etcd/probe.ts";
import { chooseMember } from "../policy/member-choice.ts";
import { askMembers, type AskedMember, type AskOptions } from "./cluster-members.ts";

export interface BestMemberOptions extends AskOptions {
  /** Whether another member may be tried; not where bytes of the first are gone for good. */
  readonly mayRepeat: boolean;
}

/** A member that was chosen, and in words why. */
export interface ChosenMember extends AskedMember {
  readonly reason: string;
}

/**
 * Takes something from the healthiest member. Where it is lost on the way, or sends damaged bytes, another is tried; a
 * second one that falls silent ends it, so that nobody waits long for a cluster that is gone.
 */
export async function fromBestMember<T>(
  client: ClusterClient,
  options: BestMemberOptions,
  take: (member: ChosenMember) => Promise<T>,
): Promise<T> {
  const { log, signal } = options;
  let members = await askMembers(client, options);
  const failures: HoldfastError[] = [];
  for (;;) {
    const choice = chooseMember(members);
    if (choice === undefined || countStalls(failures) > 1) throw allFailed(failures);
    const { connection, memberId } = choice.candidate;
    const name = `"${connection.endpoint.text}" (member ${memberId.toString(16)}, ${choice.reason})`;
    if (choice.isDoubtful) log.warn(`taking the snapshot from ${name}: there is no better one`);
    else log.info(`taking the snapshot from ${name}`);
    try {
      return await take({ ...choice.candidate, reason: choice.reason });
    } catch (error) {
      signal.throwIfAborted();
      if (!isMembersFault(error) || !options.mayRepeat) throw error;
      failures.push(error);
      members = members.filter((member) => member !== choice.candidate);
      if (members.length > 0) log.warn(`${error.message}; trying another member`);
    }
  }
}

/** What another member may do better. A file system that is full is the same for all. */
const MEMBERS_FAULTS: ReadonlySet<string> = new Set<ErrorCode>([
  "connection-failed",
  "no-progress",
  "no-leader",
  "member-is-learner",
  "server-refused",
  "malformed-message",
  "snapshot-damaged",
  "hash-contradicted",
]);

function isMembersFault(error: unknown): error is HoldfastError {
  return error instanceof HoldfastError && MEMBERS_FAULTS.has(error.code);
}

function countStalls(failures: readonly HoldfastError[]): number {
  return failures.filter(({ code }) => code === "no-progress").length;
}
