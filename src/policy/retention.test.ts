import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  compareNewestFirst,
  decideRetention,
  keepsSomething,
  protectionsOf,
  type Recoverable,
  type RetentionRules,
} from "./retention.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 10, 24, 12);

/** A backup so many hours ago, with a revision that rises by one an hour. */
function ago(hours: number, more: Partial<Recoverable> = {}): Recoverable {
  return {
    id: `h${hours}`,
    lineage: 1,
    revision: BigInt(100_000 - hours),
    time: NOW - hours * HOUR,
    size: 1000,
    isPinned: false,
    locked: undefined,
    proven: undefined,
    replacedBy: undefined,
    ...more,
  };
}

/** Each backup as a line: its id, whether it stays, and why. */
function table(backups: readonly Recoverable[], rules: RetentionRules, nowMs = NOW): string[] {
  return decideRetention(backups, rules, nowMs).decisions.map(
    ({ backup, keep, reasons }) =>
      `${backup.id} ${keep ? "keep" : "remove"}: ${reasons.join(", ")}`,
  );
}

const DAILY = [0, 1, 24, 25, 48, 72, 96, 240].map((hours) => ago(hours));

const GOLDEN: [what: string, rules: RetentionRules, wanted: string[]][] = [
  [
    "the last ones",
    { last: 2 },
    [
      "h0 keep: newest, last 2",
      "h1 keep: last 2",
      "h24 remove: no rule keeps it",
      "h25 remove: no rule keeps it",
      "h48 remove: no rule keeps it",
      "h72 remove: no rule keeps it",
      "h96 remove: no rule keeps it",
      "h240 remove: no rule keeps it",
    ],
  ],
  [
    "days, the newest of each",
    { daily: 3 },
    [
      "h0 keep: newest, daily 2026-11-24",
      "h1 remove: no rule keeps it",
      "h24 keep: daily 2026-11-23",
      "h25 remove: no rule keeps it",
      "h48 keep: daily 2026-11-22",
      "h72 remove: no rule keeps it",
      "h96 remove: no rule keeps it",
      "h240 remove: no rule keeps it",
    ],
  ],
  [
    "days without a backup do not count",
    { daily: 6 },
    [
      "h0 keep: newest, daily 2026-11-24",
      "h1 remove: no rule keeps it",
      "h24 keep: daily 2026-11-23",
      "h25 remove: no rule keeps it",
      "h48 keep: daily 2026-11-22",
      "h72 keep: daily 2026-11-21",
      "h96 keep: daily 2026-11-20",
      "h240 keep: daily 2026-11-14",
    ],
  ],
  [
    "several rules together, each with its reason",
    { hourly: 1, weekly: 2, monthly: 9, yearly: 9, withinMs: 25 * HOUR },
    [
      "h0 keep: newest, hourly 2026-11-24T12, weekly 2026-W48, monthly 2026-11, yearly 2026, within",
      "h1 keep: within",
      "h24 keep: within",
      "h25 keep: within",
      "h48 keep: weekly 2026-W47",
      "h72 remove: no rule keeps it",
      "h96 remove: no rule keeps it",
      "h240 remove: no rule keeps it",
    ],
  ],
  [
    "a limit on what the others keep",
    { daily: 6, limit: 3 },
    [
      "h0 keep: newest, daily 2026-11-24",
      "h1 remove: no rule keeps it",
      "h24 keep: daily 2026-11-23",
      "h25 remove: no rule keeps it",
      "h48 keep: daily 2026-11-22",
      "h72 remove: over the limit of 3",
      "h96 remove: over the limit of 3",
      "h240 remove: over the limit of 3",
    ],
  ],
  [
    "a limit alone",
    { limit: 6 },
    [
      "h0 keep: newest, within the limit of 6",
      "h1 keep: within the limit of 6",
      "h24 keep: within the limit of 6",
      "h25 keep: within the limit of 6",
      "h48 keep: within the limit of 6",
      "h72 keep: within the limit of 6",
      "h96 remove: over the limit of 6",
      "h240 remove: over the limit of 6",
    ],
  ],
];

for (const [what, rules, wanted] of GOLDEN)
  test(`retention: ${what}`, () => assert.deepEqual(table(DAILY, rules), wanted));

test("pinned, locked and proven ones stay, whatever the rules and the limit say", () => {
  const backups = [
    ago(0),
    ago(1),
    ago(2, { proven: "stored" }),
    ago(3, { proven: "stored" }),
    ago(4, { proven: "contents" }),
    ago(5, { proven: "contents" }),
    ago(6, { isPinned: true }),
    ago(7, { locked: "until tomorrow" }),
  ];
  assert.deepEqual(table(backups, { last: 1, limit: 1 }), [
    "h0 keep: newest, last 1",
    "h1 remove: no rule keeps it",
    "h2 keep: last proven",
    "h3 remove: no rule keeps it",
    "h4 keep: last proven by contents",
    "h5 remove: no rule keeps it",
    "h6 keep: pinned",
    "h7 keep: locked until tomorrow",
  ]);
});

test("a restored cluster: its newest is the newest, and the last proven one of before stays", () => {
  const before = { lineage: 1, revision: 900_000n };
  const backups = [
    ago(0, { lineage: 2, revision: 50n }),
    ago(1, { lineage: 2, revision: 40n }),
    ago(10, before),
    ago(11, { ...before, proven: "contents" }),
    ago(12, { ...before, proven: "contents" }),
  ];
  assert.deepEqual(table(backups, { last: 2 }), [
    "h0 keep: newest, last 2",
    "h1 keep: last 2",
    "h10 remove: no rule keeps it",
    "h11 keep: last proven of lineage 1",
    "h12 remove: no rule keeps it",
  ]);
});

test("a wiped cluster that has gone on: without evidence the newest of before stays", () => {
  const before = { lineage: 1, revision: 900_000n };
  const backups = [
    ago(0, { lineage: 2, revision: 50n }),
    ago(1, { lineage: 2, revision: 40n }),
    ago(10, { ...before, replacedBy: "h0" }),
    ago(11, { ...before, revision: 890_000n }),
    ago(12, { ...before, revision: 880_000n }),
  ];
  assert.deepEqual(table(backups, { last: 1 }), [
    "h0 keep: newest, last 1",
    "h1 remove: no rule keeps it",
    "h10 remove: replaced by h0",
    "h11 keep: newest of lineage 1",
    "h12 remove: no rule keeps it",
  ]);
});

test("clocks do not order: a backup from the future with a lower revision is the older one", () => {
  const backups = [ago(5), ago(-1000, { id: "future", revision: 7n })];
  assert.deepEqual(table(backups, { last: 1 }), [
    "h5 keep: newest, last 1",
    "future remove: no rule keeps it",
  ]);
  assert.deepEqual(table([ago(-1000, { id: "future" }), ago(1)], { withinMs: DAY }), [
    "future keep: newest, within",
    "h1 keep: within",
  ]);
});

test("nothing goes while the newest holds half of what the one before it held", () => {
  const half = [ago(0, { size: 500 }), ago(1), ago(2)];
  assert.deepEqual(table(half, { last: 1, limit: 1 }), [
    "h0 keep: newest, last 1",
    "h1 keep: nothing goes while the newest looks wrong",
    "h2 keep: nothing goes while the newest looks wrong",
  ]);
  assert.match(decideRetention(half, { last: 1 }, NOW).frozen ?? "", /h0 holds 500 bytes, half/);
  const more = [ago(0, { size: 501 }), ago(1), ago(2)];
  assert.equal(decideRetention(more, { last: 1 }, NOW).frozen, undefined);
  assert.equal(table(more, { last: 1 }).filter((line) => line.includes("remove")).length, 2);
});

test("a backup whose place another took does not count and goes, the other one stays", () => {
  const old = ago(0, { id: "old", replacedBy: "new" });
  const backups = [old, ago(0, { id: "new" }), ago(1), ago(2)];
  assert.deepEqual(table(backups, { last: 2 }), [
    "old remove: replaced by new",
    "new keep: newest, last 2",
    "h1 keep: last 2",
    "h2 remove: no rule keeps it",
  ]);
});

test("weeks are those of ISO 8601", () => {
  const days: [day: string, week: string][] = [
    ["2026-01-01", "2026-W01"],
    ["2027-01-01", "2026-W53"],
    ["2027-01-03", "2026-W53"],
    ["2027-01-04", "2027-W01"],
    ["2024-12-30", "2025-W01"],
    ["2023-01-01", "2022-W52"],
    ["2020-02-29", "2020-W09"],
  ];
  for (const [day, week] of days) {
    const backup = ago(0, { time: Date.parse(`${day}T23:59:59Z`) });
    assert.deepEqual(table([backup], { weekly: 1 }), [`h0 keep: newest, weekly ${week}`]);
  }
});

test("zeros beside a limit say nothing: it keeps the newest ones as if it were alone", () => {
  const backups = [ago(0), ago(1), ago(2)];
  assert.deepEqual(table(backups, { last: 0, daily: 0, limit: 2 }), table(backups, { limit: 2 }));
});

test("rules that keep nothing are known as such", () => {
  for (const rules of [{}, { last: 0 }, { limit: undefined }, { last: 0, daily: 0 }])
    assert.equal(keepsSomething(rules), false);
  assert.equal(keepsSomething({ last: 0, yearly: 1 }), true);
});

const backup = fc.record({
  lineage: fc.integer({ min: 1, max: 3 }),
  revision: fc.bigInt({ min: 1n, max: 30n }),
  time: fc.integer({ min: 0, max: 24 * 500 }).map((hours) => NOW - hours * HOUR),
  size: fc.constantFrom(100, 400, 800, 1000, 2000),
  isPinned: fc.boolean(),
  locked: fc.option(fc.constant("until then"), { nil: undefined }),
  proven: fc.constantFrom("contents", "stored", undefined),
  replacedBy: fc.constant(undefined),
});
const history = fc
  .array(backup, { maxLength: 40 })
  .map((all): Recoverable[] => all.map((one, at) => ({ ...one, id: `b${at}` })));
const amount = fc.option(fc.integer({ min: 0, max: 12 }), { nil: undefined });
const rules = fc.record({
  last: amount,
  hourly: amount,
  daily: amount,
  weekly: amount,
  monthly: amount,
  yearly: amount,
  withinMs: fc.option(fc.integer({ min: 0, max: 60 * DAY }), { nil: undefined }),
  limit: amount,
});

test("for any history and any rules: what must stay stays, each with a reason", () => {
  fc.assert(
    fc.property(history, rules, (backups, wanted) => {
      const { decisions, frozen } = decideRetention(backups, wanted, NOW);
      const ordered = backups.toSorted(compareNewestFirst);
      assert.deepEqual(
        decisions.map((one) => one.backup),
        ordered,
      );
      const kept = new Set(decisions.filter(({ keep }) => keep).map((one) => one.backup.id));
      for (const { backup: one, reasons } of decisions) {
        assert.ok(reasons.length > 0);
        if (one.isPinned || one.locked !== undefined) assert.ok(kept.has(one.id));
      }
      const [newest, second] = ordered;
      if (newest !== undefined) assert.ok(kept.has(newest.id));
      for (const members of Map.groupBy(ordered, ({ lineage }) => lineage).values()) {
        const proven = members.find((one) => one.proven !== undefined);
        const read = members.find((one) => one.proven === "contents");
        for (const one of [proven, read]) if (one !== undefined) assert.ok(kept.has(one.id));
        assert.ok(
          members.some(({ id }) => kept.has(id)),
          "no lineage is lost",
        );
      }
      const isHalf =
        newest && second && newest.size < second.size && newest.size * 2 <= second.size;
      assert.equal(frozen !== undefined, isHalf === true);
      if (isHalf) assert.equal(kept.size, backups.length);
    }),
  );
});

test("for any history and any rules: order of input is nothing, and a second run removes nothing", () => {
  fc.assert(
    fc.property(history, rules, fc.nat(), (backups, wanted, seed) => {
      const decided = decideRetention(backups, wanted, NOW);
      const at = backups.length === 0 ? 0 : seed % backups.length;
      const turned = [...backups.slice(at), ...backups.slice(0, at)].toReversed();
      assert.deepEqual(decideRetention(turned, wanted, NOW), decided);
      const left = decided.decisions.filter(({ keep }) => keep).map((one) => one.backup);
      assert.ok(decideRetention(left, wanted, NOW).decisions.every(({ keep }) => keep));
    }),
  );
});

test("for any history: a stronger rule keeps no less, and a limit keeps no more than it says", () => {
  fc.assert(
    fc.property(history, rules, (backups, wanted) => {
      const { limit, ...unlimited } = wanted;
      const some = { ...unlimited, last: wanted.last ?? 0 };
      const more = { ...some, last: some.last + 1, daily: (some.daily ?? 0) + 1 };
      const ids = (chosen: RetentionRules) =>
        new Set(
          decideRetention(backups, chosen, NOW)
            .decisions.filter(({ keep }) => keep)
            .map((one) => one.backup.id),
        );
      const kept = ids(more);
      for (const id of ids(some)) assert.ok(kept.has(id));
      const { decisions, frozen } = decideRetention(backups, wanted, NOW);
      if (limit === undefined || frozen !== undefined) return;
      const unprotected = decisions.filter(
        ({ backup: one, keep }) => keep && protectionsOf(backups, one.id).length === 0,
      );
      assert.ok(unprotected.length <= limit);
    }),
  );
});

test("a single backup is protected as it is in a plan", () => {
  const backups = [
    ago(0, { size: 900 }),
    ago(1, { isPinned: true }),
    ago(2, { proven: "contents" }),
    ago(3),
  ];
  assert.deepEqual(
    backups.map(({ id }) => protectionsOf(backups, id)),
    [["newest"], ["pinned"], ["last proven"], []],
  );
  const wiped = [ago(0, { size: 1 }), ...backups.slice(1)];
  assert.deepEqual(protectionsOf(wiped, "h3"), ["nothing goes while the newest looks wrong"]);
});
