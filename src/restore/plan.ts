/**
 * PURE. What a restore from a repository will do, step by step, with sizes and reasons: printed before anything is done,
 * and then done exactly so.
 */
import { HoldfastError } from "../errors.ts";
import { objectOf, type Manifest } from "../repository/manifest.ts";
import { chooseBump, type Bump, type SeenRevisions } from "./bump.ts";
import type { DataDirPlan } from "./data-dir-plan.ts";
import type { Leftover } from "./edits.ts";
import { initialCluster, type Membership } from "./membership.ts";
import type { TargetVersion } from "./target-version.ts";

export interface PlanFlags {
  /** As given; undefined for a fresh one. */
  readonly token: string | undefined;
  /** As given; undefined to be computed. */
  readonly bump: bigint | undefined;
  readonly exactRevision: boolean;
  readonly target: TargetVersion | undefined;
  readonly keepAlarms: boolean;
  readonly keepDowngrade: boolean;
  readonly keepFreePages: boolean;
  /** Bytes: etcd's --quota-backend-bytes. */
  readonly quota: number;
}

/** Where a member is written, and what is there. */
export interface PlannedPlace {
  readonly name: string;
  readonly peerURLs: readonly string[];
  readonly place: DataDirPlan;
  /** Whether a process has the database open that is there now; undefined where there is none. */
  readonly use: "free" | "held" | "unknown" | undefined;
}

export interface PlanRequest {
  readonly manifest: Manifest;
  /** Whose signature it has; undefined where that was not looked at. */
  readonly signer: string | undefined;
  /** Where it comes from, without secrets. */
  readonly url: string;
  readonly membership: Membership;
  /** One for each of `membership.here`, in order. */
  readonly places: readonly PlannedPlace[];
  readonly keepAside: string;
  /** undefined where nothing is known. */
  readonly seen: SeenRevisions | undefined;
  readonly flags: PlanFlags;
  readonly nowMs: number;
  /** A token that was never used before. */
  readonly freshToken: string;
}

/** A step, or something to know. */
export interface PlanRow {
  readonly what: string;
  /** Bytes that it is about, where it is. */
  readonly bytes: number | undefined;
  /** How, and why; in words. */
  readonly why: string;
  /** The flag that leaves it out. */
  readonly unless: string | undefined;
}

export interface RestorePlan {
  readonly id: string;
  readonly cluster: string;
  readonly time: string;
  readonly signer: string | undefined;
  readonly initialCluster: string;
  readonly token: string;
  readonly bump: Bump;
  /** That the new cluster begins with. */
  readonly revision: bigint;
  readonly drop: readonly Leftover[];
  readonly rewrite: boolean;
  readonly places: readonly PlannedPlace[];
  /** What the names of what is there now get at their end. */
  readonly keepAside: string;
  /** Members whose data dirs are written elsewhere, with the same token and bump. */
  readonly elsewhere: readonly string[];
  readonly steps: readonly PlanRow[];
  /** What comes back, or does not, and has to be known. */
  readonly notes: readonly PlanRow[];
}

/** Throws "usage" for flags that cannot go together. */
export function planRestore(request: PlanRequest): RestorePlan {
  const { manifest, membership, flags, places } = request;
  const bump = bumpOf(request);
  const here = new Set(membership.here.map(({ name }) => name));
  const plan = {
    id: manifest.id,
    cluster: manifest.cluster,
    time: manifest.time,
    signer: request.signer,
    initialCluster: initialCluster(membership.members),
    token: flags.token ?? request.freshToken,
    bump,
    revision: BigInt(manifest.revision) + bump.by,
    drop: leftovers(manifest, flags),
    rewrite: !flags.keepFreePages && isWorthRewriting(manifest.contents, flags.quota),
    places,
    keepAside: request.keepAside,
    elsewhere: membership.members.map(({ name }) => name).filter((name) => !here.has(name)),
  };
  requireOneRevision(plan.elsewhere, flags);
  return { ...plan, steps: stepsOf(plan, request), notes: notesOf(request) };
}

function bumpOf({ manifest, seen, flags, nowMs }: PlanRequest): Bump {
  const revision = BigInt(manifest.revision);
  if (flags.exactRevision && flags.bump !== undefined)
    throw new HoldfastError("usage", "--exact-revision and --bump-revision exclude each other");
  if (flags.exactRevision) return { by: 0n, reason: "as --exact-revision asks" };
  if (flags.bump !== undefined) return { by: flags.bump, reason: "as --bump-revision asks" };
  const known = seen ?? { highest: revision, timeMs: Date.parse(manifest.time), ratePerSecond: 0 };
  return chooseBump(revision, known, nowMs);
}

/**
 * The members of one cluster are written on several machines: whoever gives them one token has to give them one revision
 * as well, since what is computed may differ from minute to minute.
 */
function requireOneRevision(elsewhere: readonly string[], flags: PlanFlags): void {
  if (elsewhere.length === 0 || flags.token === undefined) return;
  if (flags.exactRevision || flags.bump !== undefined) return;
  throw new HoldfastError(
    "usage",
    "all members of a cluster have to get the same revision, and with the token alone they may not",
    { hint: "give --bump-revision too, as the restore of the first member printed it" },
  );
}

/** A database of more than half the quota, unless hardly anything of it is free. */
function isWorthRewriting({ dbSize, dbSizeInUse }: Manifest["contents"], quota: number): boolean {
  return dbSize * 2 > quota && dbSizeInUse < dbSize * 0.9;
}

function leftovers({ contents }: Manifest, flags: PlanFlags): Leftover[] {
  const drop: Leftover[] = [];
  if (contents.alarms.length > 0 && !flags.keepAlarms) drop.push("alarms");
  if (contents.downgrade !== "" && !flags.keepDowngrade) drop.push("downgrade");
  return drop;
}

type Draft = Omit<RestorePlan, "steps" | "notes">;

function stepsOf(plan: Draft, request: PlanRequest): PlanRow[] {
  const { manifest, url } = request;
  const { snapshot, contents } = manifest;
  const stored = objectOf(manifest, "snapshot");
  const kv = manifest.hashKV;
  return [
    step("fetch", `from ${url}, compared with the SHA-256 in its manifest`, stored.size),
    step("open and unpack", sealedAs(manifest), snapshot.size),
    step("prove", `every page and row; HashKV must be ${kv.hash} at revision ${kv.revision}`),
    ...plan.places.flatMap(({ place, use }) => asideSteps(place, use)),
    ...plan.places.map(({ name, place }) => writeStep(name, place, contents.dbSize)),
    bumpStep(plan),
    ...dropSteps(plan, manifest),
    ...(plan.rewrite ? [rewriteStep(contents)] : []),
    step(
      "new cluster",
      `${plan.initialCluster}, under the token ${plan.token}: no member of the old one can join by mistake`,
      undefined,
      "--initial-cluster, --initial-cluster-token",
    ),
    step("read back", "what was written is read again, and proven once more"),
  ];
}

function step(what: string, why: string, bytes?: number, unless?: string): PlanRow {
  return { what, why, bytes, unless };
}

function sealedAs({ sealing }: Manifest): string {
  if (sealing.kind === "none") return "it is not sealed";
  return `sealed with ${sealing.kind} to ${sealing.recipients.join(", ")}`;
}

function asideSteps({ aside, owner }: DataDirPlan, use: PlannedPlace["use"]): PlanRow[] {
  const seen = use === "unknown" ? "; whether a running etcd uses it CANNOT be seen from here" : "";
  const whose = owner === undefined ? "" : `; the new one is given to ${owner.uid}:${owner.gid}`;
  return aside.map(({ from, to }) => step("keep aside", `${from} as ${to}${whose}${seen}`));
}

function writeStep(name: string, place: DataDirPlan, bytes: number): PlanRow {
  const wal = place.walDir.startsWith(`${place.dataDir}/`) ? "" : `, its log to ${place.walDir}`;
  return step("write", `the data dir of ${name} to ${place.dataDir}${wal}`, bytes);
}

function bumpStep({ bump, revision }: Draft): PlanRow {
  if (bump.by === 0n)
    return step(
      "keep the revision",
      `${bump.reason}: ${revision}. Clients that have seen more will not notice what changes below it`,
    );
  return step(
    "raise the revision",
    `by ${bump.by} to ${revision}, all below marked compacted: ${bump.reason}`,
    undefined,
    "--exact-revision, --bump-revision",
  );
}

function dropSteps({ drop }: Draft, { contents }: Manifest): PlanRow[] {
  const rows: PlanRow[] = [];
  if (drop.includes("alarms")) {
    const alarms = contents.alarms.map(({ alarm, memberId }) => `${alarm} of ${memberId}`);
    const why = `${alarms.join(", ")}: nothing could be written with them`;
    rows.push(step("clear alarms", why, undefined, "--keep-alarms"));
  }
  if (drop.includes("downgrade"))
    rows.push(
      step(
        "end the downgrade",
        `to ${contents.downgrade}, which would go on by itself`,
        undefined,
        "--keep-downgrade",
      ),
    );
  return rows;
}

function rewriteStep({ dbSize, dbSizeInUse }: Manifest["contents"]): PlanRow {
  const why = `without free pages, as it takes more than half of the quota; ${dbSizeInUse} bytes of ${dbSize} are in use`;
  return step("write anew", why, dbSizeInUse, "--keep-free-pages");
}

function notesOf({ manifest, membership, flags, signer }: PlanRequest): PlanRow[] {
  const { contents, etcd, imported, snapshot } = manifest;
  const rows: PlanRow[] = [];
  if (signer === undefined)
    rows.push(step("signature", "NOT LOOKED AT: anybody who can write there may have made this"));
  for (const name of membership.learners)
    rows.push(step("learner", `${name} is not restored: add it again when the cluster runs`));
  rows.push(...corruptionNotes(manifest));
  if (contents.leases > 0)
    rows.push(step("leases", `${contents.leases} begin again with their whole time to live`));
  if (contents.authEnabled)
    rows.push(step("auth", "is on, with the users and passwords of that time: the old ones hold"));
  if (contents.alarms.length > 0 && flags.keepAlarms)
    rows.push(step("alarms", "stay raised: nothing can be written until they are disarmed"));
  if (contents.downgrade !== "" && flags.keepDowngrade)
    rows.push(step("downgrade", `to ${contents.downgrade} goes on by itself`));
  if (imported && snapshot.trailer === "absent")
    rows.push(step("import", "the snapshot had no SHA-256 of its own when it was imported"));
  if (etcd.storage !== "") rows.push(step("version", versionNote(etcd.storage, flags.target)));
  return rows;
}

/** Whoever is under that alarm holds other data than the rest, and only an older backup tells who is right. */
function corruptionNotes({ contents, source }: Manifest): PlanRow[] {
  const corrupt = contents.alarms.filter(({ alarm }) => alarm === "CORRUPT");
  if (corrupt.length === 0) return [];
  const isSource = corrupt.some(({ memberId }) => memberId === source?.memberId);
  const whose = isSource ? "the very member that this is the snapshot of" : "a member";
  return [
    step(
      "corruption",
      `etcd found that ${whose} holds other data than the rest: compare with a backup of before`,
    ),
  ];
}

function versionNote(storage: string, target: TargetVersion | undefined): string {
  const minor = storage.split(".").slice(0, 2).join(".");
  return target === undefined
    ? `written by etcd ${minor}: start members of ${minor} or later, or give --target-version`
    : `written by etcd ${minor}, prepared for ${target}`;
}
