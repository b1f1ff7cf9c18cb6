import type { MemberHash } from "../../backup/member-hashes.ts";
import { HoldfastError } from "../../errors.ts";
import { printable } from "../../io/printable.ts";
import type { Printable } from "./write-out.ts";

/** `hashkv` of a live cluster: the columns of `etcdctl endpoint hashkv`, and what makes hashes comparable. */
export function printableMemberHashes(rows: readonly MemberHash[]): Printable {
  return {
    header: ["endpoint", "hash", "hash revision", "compact revision", "member"],
    rows: rows.map(cells),
    fields: rows.map((row) => {
      const [endpoint, hash, revision, compactRevision, member] = cells(row);
      return [
        ["Endpoint", JSON.stringify(endpoint)],
        ["Hash", hash],
        ["Hash revision", revision],
        ["Compact revision", compactRevision],
        ["Member", JSON.stringify(member)],
      ];
    }),
    json: rows.map(document),
  };
}

/** A member without an answer has a dash for each number. */
function cells({ endpoint, memberId, name, answer }: MemberHash): string[] {
  const numbers =
    answer instanceof HoldfastError
      ? ["-", "-", "-"]
      : [answer.hash, answer.revision, answer.compactRevision].map(String);
  return [endpoint || "-", ...numbers, printable(name) || memberId.toString(16)];
}

function document({ endpoint, memberId, name, isLearner, answer }: MemberHash) {
  const member = { endpoint, memberId: memberId.toString(16), name, isLearner };
  if (answer instanceof HoldfastError) return { ...member, error: answer.message };
  const { hash, revision, compactRevision } = answer;
  return { ...member, hash, hashRevision: revision, compactRevision };
}
