import assert from "node:assert/strict";
import { test } from "node:test";
import type { HoldfastError } from "../errors.ts";
import { chooseMembership, initialCluster, type MembershipFlags } from "./membership.ts";

const NONE: MembershipFlags = {
  member: undefined,
  name: undefined,
  initialCluster: undefined,
  advertise: undefined,
  all: false,
};

const member = (name: string, isLearner = false) => {
  return { id: "1", name, peerURLs: [`http://${name}:2380`], clientURLs: [], isLearner };
};
const backup = (...members: ReturnType<typeof member>[]) => ({ id: "ID", members });
const THREE = backup(member("m1"), member("m2"), member("m3"), member("l1", true));

function chosen(from: typeof THREE, flags: Partial<MembershipFlags> = {}) {
  const { members, here, learners } = chooseMembership(from, { ...NONE, ...flags });
  return [initialCluster(members), initialCluster(here), learners.join()];
}

test("the only member is meant without a flag; learners are not restored", () => {
  const cluster = "m1=http://m1:2380";
  assert.deepEqual(chosen(backup(member("m1"), member("l1", true))), [cluster, cluster, "l1"]);
});

test("of several one is named, or all are written", () => {
  const all = "m1=http://m1:2380,m2=http://m2:2380,m3=http://m3:2380";
  assert.deepEqual(chosen(THREE, { member: "m2" }), [all, "m2=http://m2:2380", "l1"]);
  assert.deepEqual(chosen(THREE, { name: "m2" }), [all, "m2=http://m2:2380", "l1"]);
  assert.deepEqual(chosen(THREE, { all: true }), [all, all, "l1"]);
});

test("a member may have another name and address now", () => {
  const flags = { member: "m2", name: "new", advertise: "http://a:2380,http://b:2380" };
  const self = "new=http://a:2380,new=http://b:2380";
  assert.deepEqual(chosen(THREE, flags), [
    `m1=http://m1:2380,${self},m3=http://m3:2380`,
    self,
    "l1",
  ]);
});

test("--initial-cluster counts more than the manifest", () => {
  const one = "x=http://x:2380";
  assert.deepEqual(chosen(THREE, { initialCluster: one }), [one, one, "l1"]);
  const two = "x=http://x:2380,y=http://y:2380,y=http://z:2380";
  assert.deepEqual(chosen(THREE, { initialCluster: two, name: "y" })[1], two.slice(16));
  assert.deepEqual(chosen(THREE, { initialCluster: two, all: true })[1], two);
});

test("what is left open is said, with what to type", () => {
  const cases: [Partial<MembershipFlags>, typeof THREE, RegExp][] = [
    [{}, THREE, /^the cluster had 3 members: m1, m2, m3$/],
    [{ member: "m4" }, THREE, /^the cluster had no member "m4", but m1, m2, m3$/],
    [{ all: true, member: "m1" }, THREE, /^--all-members writes every member/],
    [{}, backup(), /^ID does not know the members of its cluster$/],
    [{ all: true }, backup(), /^ID does not know the members of its cluster$/],
    [{ initialCluster: "http://x:2380" }, THREE, /has "http:\/\/x:2380", wanted NAME=URL$/],
    [{ initialCluster: "x=http://x:2380,y=http://y:2380" }, THREE, /nothing says which one/],
    [{ initialCluster: "x=http://x:2380", name: "y" }, THREE, /couldn't find local name "y"/],
  ];
  for (const [flags, from, message] of cases)
    assert.throws(
      () => chosen(from, flags),
      (error: HoldfastError) => message.test(error.message),
      String(message),
    );
});
