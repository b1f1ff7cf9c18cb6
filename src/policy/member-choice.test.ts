import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { chooseMember, type Candidate } from "./member-choice.ts";

const FOLLOWER: Candidate = {
  memberId: 2n,
  leaderId: 1n,
  isLearner: false,
  appliedIndex: 1000n,
  isCorrupt: false,
};
const LEADER: Candidate = { ...FOLLOWER, memberId: 1n };

const CASES = [
  ["a follower before the leader", [LEADER, FOLLOWER], FOLLOWER],
  [
    "a follower that lags a little before the leader",
    [LEADER, { ...FOLLOWER, appliedIndex: 900n }],
    1,
  ],
  [
    "the leader before a follower that lags a lot",
    [{ ...FOLLOWER, appliedIndex: 899n }, LEADER],
    LEADER,
  ],
  [
    "the follower that lags less",
    [
      { ...FOLLOWER, appliedIndex: 998n },
      { ...FOLLOWER, appliedIndex: 999n },
    ],
    1,
  ],
  ["the first of equals", [FOLLOWER, { ...FOLLOWER, memberId: 3n }], FOLLOWER],
  ["the leader before a learner", [{ ...FOLLOWER, isLearner: true }, LEADER], LEADER],
  ["the leader before a corrupt follower", [{ ...FOLLOWER, isCorrupt: true }, LEADER], LEADER],
  [
    "a learner before a corrupt member",
    [
      { ...LEADER, isCorrupt: true },
      { ...FOLLOWER, isLearner: true },
    ],
    1,
  ],
  [
    "a member that knows a leader before one that does not",
    [{ ...FOLLOWER, leaderId: 0n }, LEADER],
    LEADER,
  ],
  ["a lone learner, rather than none", [{ ...FOLLOWER, isLearner: true }], 0],
] as const;

for (const [what, candidates, expected] of CASES) {
  test(`chooseMember() takes ${what}`, () => {
    const wanted = typeof expected === "number" ? candidates[expected] : expected;
    assert.equal(chooseMember<Candidate>(candidates)?.candidate, wanted);
  });
}

test("chooseMember() chooses none of none", () => {
  assert.equal(chooseMember([]), undefined);
});

test("chooseMember() says what speaks for a member, and what against it", () => {
  assert.equal(chooseMember([LEADER, FOLLOWER])?.reason, "a follower, with nothing left to apply");
  assert.equal(
    chooseMember([{ ...FOLLOWER, appliedIndex: 997n }, LEADER])?.reason,
    "a follower, 3 raft entries behind",
  );
  assert.equal(chooseMember([LEADER])?.isDoubtful, false);
  const poor = { ...FOLLOWER, leaderId: 0n, isLearner: true, isCorrupt: true };
  assert.equal(chooseMember([poor])?.isDoubtful, true);
  assert.equal(
    chooseMember([poor])?.reason,
    "a learner that knows of no leader, with nothing left to apply, under the alarm CORRUPT",
  );
});

test("chooseMember() never takes a worse member than it could, in whatever order", () => {
  const candidate = fc.record({
    memberId: fc.bigInt({ min: 1n, max: 3n }),
    leaderId: fc.bigInt({ min: 0n, max: 3n }),
    isLearner: fc.boolean(),
    appliedIndex: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    isCorrupt: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(candidate, { minLength: 1 }), (candidates) => {
      const chosen = chooseMember(candidates)!.candidate;
      const others = candidates.filter((one) => one.isCorrupt === chosen.isCorrupt);
      assert.ok(!chosen.isCorrupt || candidates.every((one) => one.isCorrupt));
      assert.ok(!chosen.isLearner || others.every((one) => one.isLearner));
      const reversed = chooseMember(candidates.toReversed())!.candidate;
      assert.deepEqual(
        [reversed.isCorrupt, reversed.isLearner, reversed.appliedIndex],
        [chosen.isCorrupt, chosen.isLearner, chosen.appliedIndex],
      );
    }),
  );
});
