import assert from "node:assert/strict";
import { test } from "node:test";
import { HoldfastError, type ErrorCode } from "../errors.ts";
import { requireAgreement, type MemberHash } from "./member-hashes.ts";

const SAME = { hash: 0xabc, revision: 10n, compactRevision: 4n };

function row(name: string, answer: MemberHash["answer"], isLearner = false): MemberHash {
  return { endpoint: `http://${name}:2379`, memberId: 1n, name, isLearner, answer };
}

function rejectsWith(code: ErrorCode, rows: readonly MemberHash[]): string {
  let message = "";
  assert.throws(
    () => requireAgreement(rows),
    (error) => {
      message = (error as Error).message;
      return error instanceof HoldfastError && error.code === code;
    },
  );
  return message;
}

const GONE = new HoldfastError("connection-failed", "gone");
const LEARNER = new HoldfastError("member-is-learner", "it is a learner");

test("requireAgreement() takes equal hashes, and does not ask learners", () => {
  requireAgreement([row("m1", SAME), row("m2", SAME), row("m3", LEARNER, true)]);
});

test("requireAgreement() names all hashes where one differs, whatever else has failed", () => {
  const message = rejectsWith("members-disagree", [
    row("m1", SAME),
    row("m2", GONE),
    row("m3", { ...SAME, hash: 0xdef }),
  ]);
  assert.match(message, /at revision 10: m1 00000abc, m3 00000def/);
});

test("requireAgreement() passes a failure on", () => {
  assert.equal(rejectsWith("connection-failed", [row("m1", SAME), row("m2", GONE)]), "gone");
});

test("requireAgreement() does not compare what was compacted differently", () => {
  const other = { ...SAME, hash: 0xdef, compactRevision: 5n };
  rejectsWith("failed", [row("m1", SAME), row("m2", other)]);
});
