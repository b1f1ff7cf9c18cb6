import assert from "node:assert/strict";
import { test } from "node:test";
import { EPOCH, HOUR, makeBackup } from "../../test/support/repository.ts";
import type { HoldfastError } from "../errors.ts";
import type { Manifest } from "../repository/manifest.ts";
import type { DataDirPlan } from "./data-dir-plan.ts";
import { planRestore, type PlanFlags, type PlanRequest, type RestorePlan } from "./plan.ts";

const FLAGS: PlanFlags = {
  token: undefined,
  bump: undefined,
  exactRevision: false,
  target: undefined,
  keepAlarms: false,
  keepDowngrade: false,
  keepFreePages: false,
  quota: 2 ** 31,
};
const { manifest } = await makeBackup({ revision: 500n });

const place: DataDirPlan = {
  dataDir: "/var/lib/etcd",
  walDir: "/var/lib/etcd/member/wal",
  isPresent: false,
  stageIn: "/var/lib",
  owner: undefined,
  aside: [],
  isGiven: true,
  leftovers: [],
};
const m1 = { name: "m1", peerURLs: ["http://127.0.0.1:2380"] };

function plan(
  flags: Partial<PlanFlags> = {},
  more: Partial<PlanRequest> = {},
  contents: Partial<Manifest["contents"]> = {},
): RestorePlan {
  return planRestore({
    manifest: { ...manifest, contents: { ...manifest.contents, ...contents } },
    signer: "alice",
    url: "s3://backups/etcd",
    membership: { members: [m1], here: [m1], learners: [] },
    places: [{ ...m1, place, use: undefined }],
    keepAside: "before-now",
    seen: { highest: 500n, timeMs: EPOCH, ratePerSecond: 0 },
    flags: { ...FLAGS, ...flags },
    nowMs: EPOCH + HOUR,
    freshToken: "fresh",
    ...more,
  });
}

const whats = ({ steps }: RestorePlan): string[] => steps.map(({ what }) => what);
const row = ({ steps, notes }: RestorePlan, wanted: string) =>
  [...steps, ...notes].find(({ what }) => what === wanted);

test("a quiet cluster: fetched, proven, raised, and nothing to be cleared", () => {
  const quiet = plan();
  assert.deepEqual(whats(quiet), [
    "fetch",
    "open and unpack",
    "prove",
    "write",
    "raise the revision",
    "new cluster",
    "read back",
  ]);
  assert.deepEqual(
    [quiet.revision, quiet.bump.by, quiet.token, quiet.drop, quiet.rewrite, quiet.elsewhere],
    [1_000_000_500n, 1_000_000_000n, "fresh", [], false, []],
  );
  assert.equal(row(quiet, "fetch")?.bytes, manifest.objects[0]!.size);
});

test("what would stop the new cluster is cleared, and each row names the flag that keeps it", () => {
  const bad = { alarms: [{ memberId: "8e", alarm: "NOSPACE" }], downgrade: "3.5.0" };
  const cleared = plan({}, {}, bad);
  assert.deepEqual(cleared.drop, ["alarms", "downgrade"]);
  assert.deepEqual(
    [row(cleared, "clear alarms")?.unless, row(cleared, "end the downgrade")?.unless],
    ["--keep-alarms", "--keep-downgrade"],
  );
  const kept = plan({ keepAlarms: true, keepDowngrade: true }, {}, bad);
  assert.deepEqual(kept.drop, []);
  assert.match(row(kept, "alarms")!.why, /nothing can be written/);
});

test("a database of more than half the quota is written anew, unless that is not wanted", () => {
  const large = { dbSize: 2 ** 30 + 1, dbSizeInUse: 4096 };
  const anew = plan({}, {}, large);
  assert.equal(anew.rewrite, true);
  assert.deepEqual(
    [row(anew, "write anew")?.bytes, row(anew, "write anew")?.unless],
    [4096, "--keep-free-pages"],
  );
  assert.equal(plan({ keepFreePages: true }, {}, large).rewrite, false);
  assert.equal(plan({ quota: 2 ** 33 }, {}, large).rewrite, false);
  assert.equal(plan({}, {}, { dbSize: 2 ** 30 + 1, dbSizeInUse: 2 ** 30 }).rewrite, false);
});

test("what comes back, or does not, is named", () => {
  const membership = { members: [m1], here: [m1], learners: ["l1"] };
  const told = plan({}, { membership, signer: undefined }, { leases: 3, authEnabled: true });
  const notes = told.notes.map(({ what }) => what);
  assert.deepEqual(notes, ["signature", "learner", "leases", "auth", "version"]);
});

test("a member that etcd found corrupt is named, the more so where the snapshot is its own", () => {
  const alarm = (memberId: string) => {
    return { alarms: [{ memberId, alarm: "CORRUPT" }] };
  };
  assert.match(note(plan({}, {}, alarm("dead")))!.why, /^etcd found that a member holds other/);
  const own = plan({}, {}, alarm(manifest.source!.memberId));
  assert.match(note(own)!.why, /the very member that this is the snapshot of/);
  assert.equal(note(plan({}, {}, { alarms: [{ memberId: "dead", alarm: "NOSPACE" }] })), undefined);
  function note({ notes }: RestorePlan) {
    return notes.find(({ what }) => what === "corruption");
  }
});

test("what is there is kept aside, and whether it is in use may have to be said by a person", () => {
  const aside = [{ from: "/var/lib/etcd", to: "/var/lib/etcd.before-now" }];
  const owner = { uid: 998, gid: 997, mode: 0o700 };
  const there = { ...m1, place: { ...place, aside, owner }, use: "unknown" as const };
  const { why } = row(plan({}, { places: [there] }), "keep aside")!;
  assert.match(why, /as \/var\/lib\/etcd\.before-now.*given to 998:997.*CANNOT be seen/);
});

test("one token for members on several machines asks for one revision as well", () => {
  const m2 = { name: "m2", peerURLs: ["http://127.0.0.2:2380"] };
  const membership = { members: [m1, m2], here: [m1], learners: [] };
  assert.deepEqual(plan({}, { membership }).elsewhere, ["m2"]);
  assert.throws(
    () => plan({ token: "given" }, { membership }),
    (error: HoldfastError) => error.code === "usage" && /--bump-revision/.test(error.hint ?? ""),
  );
  for (const flags of [{ bump: 7n }, { exactRevision: true }])
    assert.equal(plan({ token: "given", ...flags }, { membership }).token, "given");
});

test("the revision may be said, or left", () => {
  assert.equal(plan({ bump: 7n }).revision, 507n);
  const exact = plan({ exactRevision: true });
  assert.deepEqual([exact.revision, exact.bump.by], [500n, 0n]);
  assert.match(row(exact, "keep the revision")!.why, /will not notice/);
  assert.throws(() => plan({ bump: 7n, exactRevision: true }), { code: "usage" });
});
