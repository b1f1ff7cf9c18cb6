/**
 * Which backups stay, which may go, and why. Nothing here reads a store or a clock.
 *
 * Order is lineage, then revision; the time of day only says into which hour or day a backup falls, and which of two
 * with one revision is the newer. Rules keep, protections overrule everything, and what nothing speaks for goes.
 */

/** A backup as retention sees it. */
export interface Recoverable {
  readonly id: string;
  readonly lineage: number;
  readonly revision: bigint;
  /** Milliseconds since 1970, UTC. */
  readonly time: number;
  /** Bytes of the database that are in use: what a defragmentation does not change. */
  readonly size: number;
  readonly isPinned: boolean;
  /** In words, where the store tells that the backup cannot be deleted now: "until 2026-12-24T00:00:00Z". */
  readonly locked: string | undefined;
  /** The deepest proof that is on record: its contents were read to the last key, or its stored bytes compared. */
  readonly proven: "contents" | "stored" | undefined;
  /** The backup that took this one's place with the same contents. */
  readonly replacedBy: string | undefined;
}

/** What to keep; a rule that is left out keeps nothing by itself. */
export interface RetentionRules {
  readonly last?: number | undefined;
  readonly hourly?: number | undefined;
  readonly daily?: number | undefined;
  readonly weekly?: number | undefined;
  readonly monthly?: number | undefined;
  readonly yearly?: number | undefined;
  /** Everything this close to the newest backup, in milliseconds. */
  readonly withinMs?: number | undefined;
  /** So many at the most, whatever the other rules keep. Alone it keeps the newest ones. */
  readonly limit?: number | undefined;
}

export interface Decision<B extends Recoverable> {
  readonly backup: B;
  readonly keep: boolean;
  /** Why, in words; at least one. Of protections first. */
  readonly reasons: readonly string[];
}

export interface Retention<B extends Recoverable> {
  /** Newest first. */
  readonly decisions: readonly Decision<B>[];
  /** Why nothing goes at all, where that is so. */
  readonly frozen: string | undefined;
}

/** Newest first: lineage, then revision, and only between equals by time, then by name. */
export function compareNewestFirst(
  a: Pick<Recoverable, "id" | "lineage" | "revision" | "time">,
  b: Pick<Recoverable, "id" | "lineage" | "revision" | "time">,
): number {
  if (a.lineage !== b.lineage) return b.lineage - a.lineage;
  if (a.revision !== b.revision) return a.revision < b.revision ? 1 : -1;
  if (a.time !== b.time) return b.time - a.time;
  return a.id < b.id ? 1 : a.id > b.id ? -1 : 0;
}

/**
 * Decides for every backup. Whatever the rules say, these stay: the newest, pinned and locked ones, the last proven one
 * of each lineage (where none is, the newest of an older one: a cluster that was wiped and has gone on is a new lineage),
 * and all of them while the newest looks wrong.
 *
 * @param nowMs only a limit: a newest backup from the future does not count as later than this
 */
export function decideRetention<B extends Recoverable>(
  backups: readonly B[],
  rules: RetentionRules,
  nowMs: number,
): Retention<B> {
  const ordered = backups.toSorted(compareNewestFirst);
  const frozen = anomaly(ordered);
  const protections = protect(ordered);
  const kept = applyRules(current(ordered), rules, nowMs);
  const decisions = ordered.map((backup) => {
    const reasons = [...(protections.get(backup.id) ?? []), ...(kept.get(backup.id) ?? [])];
    if (reasons.length > 0) return { backup, keep: true, reasons };
    if (frozen !== undefined) return { backup, keep: true, reasons: [FROZEN] };
    return { backup, keep: false, reasons: [whyGone(backup, rules)] };
  });
  return { decisions: limited(decisions, protections, rules, frozen), frozen };
}

/** Why a single backup may not be removed, whatever is asked for; empty where nothing forbids it. */
export function protectionsOf<B extends Recoverable>(
  backups: readonly B[],
  id: string,
): readonly string[] {
  const ordered = backups.toSorted(compareNewestFirst);
  const frozen = anomaly(ordered);
  return [...(protect(ordered).get(id) ?? []), ...(frozen === undefined ? [] : [FROZEN])];
}

/** Whether any rule is there, and one that keeps something. */
export function keepsSomething(rules: RetentionRules): boolean {
  return Object.values(rules).some((value: number | undefined) => value !== undefined && value > 0);
}

type Reasons = Map<string, string[]>;

const FROZEN = "nothing goes while the newest looks wrong";

/** Without those whose place another has taken. */
function current<B extends Recoverable>(ordered: readonly B[]): B[] {
  return ordered.filter(({ replacedBy }) => replacedBy === undefined);
}

function protect(ordered: readonly Recoverable[]): Reasons {
  const reasons: Reasons = new Map();
  const newest = current(ordered)[0] ?? ordered[0];
  if (newest === undefined) return reasons;
  note(reasons, newest, "newest");
  for (const backup of ordered) {
    if (backup.isPinned) note(reasons, backup, "pinned");
    if (backup.locked !== undefined) note(reasons, backup, `locked ${backup.locked}`);
  }
  for (const [lineage, members] of byLineage(ordered)) {
    const where = lineage === newest.lineage ? "" : ` of lineage ${lineage}`;
    const proven = members.find((one) => one.proven !== undefined);
    const read = members.find((one) => one.proven === "contents");
    if (proven !== undefined) note(reasons, proven, `last proven${where}`);
    else if (lineage !== newest.lineage)
      note(reasons, current(members)[0] ?? members[0]!, `newest${where}`);
    if (read !== undefined && read !== proven)
      note(reasons, read, `last proven by contents${where}`);
  }
  return reasons;
}

function byLineage(ordered: readonly Recoverable[]): Map<number, Recoverable[]> {
  return Map.groupBy(ordered, ({ lineage }) => lineage);
}

function note(reasons: Reasons, { id }: Recoverable, reason: string): void {
  const known = reasons.get(id);
  if (known === undefined) reasons.set(id, [reason]);
  else known.push(reason);
}

/** A database that lost half of what it held may be a cluster that somebody wiped: the backups before it are precious. */
function anomaly(ordered: readonly Recoverable[]): string | undefined {
  const [newest, before] = current(ordered);
  if (newest === undefined || before === undefined) return undefined;
  if (newest.size >= before.size || newest.size * 2 > before.size) return undefined;
  return `the newest backup ${newest.id} holds ${newest.size} bytes, half of the ${before.size} of the one before it at the most`;
}

interface Calendar {
  readonly rule: "hourly" | "daily" | "weekly" | "monthly" | "yearly";
  readonly slot: (time: Date) => string;
}

const CALENDARS: readonly Calendar[] = [
  { rule: "hourly", slot: (time) => time.toISOString().slice(0, 13) },
  { rule: "daily", slot: (time) => time.toISOString().slice(0, 10) },
  { rule: "weekly", slot: weekOf },
  { rule: "monthly", slot: (time) => time.toISOString().slice(0, 7) },
  { rule: "yearly", slot: (time) => time.toISOString().slice(0, 4) },
];

function applyRules(
  ordered: readonly Recoverable[],
  rules: RetentionRules,
  nowMs: number,
): Reasons {
  const reasons: Reasons = new Map();
  const onlyLimited = isOnlyLimited(rules);
  const last = onlyLimited ? ordered.length : (rules.last ?? 0);
  const word = onlyLimited ? `within the limit of ${rules.limit}` : `last ${rules.last}`;
  for (const backup of ordered.slice(0, last)) note(reasons, backup, word);
  for (const calendar of CALENDARS) keepByCalendar(reasons, ordered, calendar, rules);
  const { withinMs = 0 } = rules;
  const [newest] = ordered;
  if (newest === undefined || withinMs === 0) return reasons;
  const since = Math.min(newest.time, nowMs) - withinMs;
  for (const backup of ordered) if (backup.time >= since) note(reasons, backup, "within");
  return reasons;
}

function isOnlyLimited({ limit, ...others }: RetentionRules): boolean {
  // zeros are what a template fills in where nobody chose anything
  return limit !== undefined && Object.values(others).every((value) => !value);
}

/** The newest one of each of so many hours, days, … that have any; empty ones do not count. */
function keepByCalendar(
  reasons: Reasons,
  ordered: readonly Recoverable[],
  { rule, slot }: Calendar,
  rules: RetentionRules,
): void {
  const most = rules[rule] ?? 0;
  const taken = new Set<string>();
  for (const backup of ordered) {
    if (taken.size >= most) return;
    const name = slot(new Date(backup.time));
    if (taken.has(name)) continue;
    taken.add(name);
    note(reasons, backup, `${rule} ${name}`);
  }
}

const DAY_MS = 86_400_000;

/** The week as ISO 8601 counts: from Monday on, and the first of a year is the one with its first Thursday. */
function weekOf(time: Date): string {
  const weekday = (time.getUTCDay() + 6) % 7;
  const thursday = new Date(time.getTime() + (3 - weekday) * DAY_MS);
  const year = thursday.getUTCFullYear();
  const week = 1 + Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * DAY_MS));
  return `${year}-W${String(week).padStart(2, "0")}`;
}

/** Beyond the limit the oldest go, unless something protects them. */
function limited<B extends Recoverable>(
  decisions: readonly Decision<B>[],
  protections: Reasons,
  { limit }: RetentionRules,
  frozen: string | undefined,
): Decision<B>[] {
  let count = 0;
  return decisions.map((decision) => {
    if (!decision.keep) return decision;
    count++;
    const isOver = limit !== undefined && count > limit;
    if (!isOver || frozen !== undefined || protections.has(decision.backup.id)) return decision;
    return { ...decision, keep: false, reasons: [`over the limit of ${limit}`] };
  });
}

function whyGone({ replacedBy }: Recoverable, rules: RetentionRules): string {
  if (replacedBy !== undefined) return `replaced by ${replacedBy}`;
  return isOnlyLimited(rules) ? `over the limit of ${rules.limit}` : "no rule keeps it";
}
