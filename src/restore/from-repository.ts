/**
 * The story of `restore`, once the backup is found: look at the places; plan; then fetch, open, unpack and prove it in one
 * pass into a data dir that appears whole.
 */
import { join } from "node:path";
import { HoldfastError } from "../errors.ts";
import { now } from "../io/clock.ts";
import { fileHolder } from "../io/file-holder.ts";
import { randomName } from "../io/random.ts";
import { iterableSource } from "../io/source.ts";
import { readContents } from "../repository/contents.ts";
import { stamp } from "../repository/stamp.ts";
import { requireFacts } from "../repository/verify.ts";
import type { Identities } from "../seal/identities.ts";
import { parallelReads } from "../store/parallel.ts";
import type { Waiting } from "../store/store.ts";
import { planDataDir } from "./data-dir-plan.ts";
import type { FindOptions, FoundBackup } from "./find-backup.ts";
import { chooseMembership, type MembershipFlags, type NamedMember } from "./membership.ts";
import { planRestore, type PlanFlags, type PlannedPlace, type RestorePlan } from "./plan.ts";
import { restoreSnapshot, type Restored } from "./restore.ts";
import { seenRevisions } from "./seen-revisions.ts";

export interface PrepareRequest {
  readonly membership: MembershipFlags;
  readonly plan: PlanFlags;
  /** Of the member written here; the folder of all data dirs for all of them. */
  readonly dataDir: string;
  readonly walDir: string | undefined;
}

/** Looks at the places and plans; changes nothing. Throws "data-dir-in-use" where an etcd runs on one of them. */
export async function prepareRestore(
  { repository, backup: { manifest }, signer, listing }: FoundBackup,
  request: PrepareRequest,
  options: Pick<FindOptions, "trust" | "signal" | "log">,
): Promise<RestorePlan> {
  const membership = chooseMembership(manifest, request.membership);
  const time = now().getTime();
  const keepAside = `before-${stamp(time)}`;
  const places: PlannedPlace[] = [];
  for (const member of membership.here) places.push(await placeOf(member, keepAside, request));
  return planRestore({
    manifest,
    signer,
    url: repository.store.url,
    membership,
    places,
    keepAside,
    seen: await seenRevisions(repository, listing, options),
    flags: request.plan,
    nowMs: time,
    freshToken: `holdfast-${stamp(time)}-${randomName()}`,
  });
}

async function placeOf(
  { name, peerURLs }: NamedMember,
  keepAside: string,
  { membership: { all }, ...request }: PrepareRequest,
): Promise<PlannedPlace> {
  if (all && request.walDir !== undefined)
    throw new HoldfastError("usage", "--all-members and --wal-dir exclude each other");
  if (all && !/^(?!\.+$)[\w.-]+$/.test(name))
    throw new HoldfastError("usage", `"${name}" cannot be the name of a folder`, {
      hint: "write this member with --member and --data-dir",
    });
  const dataDir = all ? join(request.dataDir, name) : request.dataDir;
  const place = await planDataDir({ dataDir, walDir: request.walDir, keepAside });
  const use = place.aside.length === 0 ? undefined : await requireUnused(place.dataDir);
  return { name, peerURLs, place, use };
}

/** Throws "data-dir-in-use". Where that cannot be seen, somebody has to say it. */
async function requireUnused(dataDir: string): Promise<"free" | "unknown"> {
  const holder = await fileHolder(join(dataDir, "member", "snap", "db"));
  if (holder.state !== "held") return holder.state;
  throw new HoldfastError(
    "data-dir-in-use",
    `process ${holder.pid} (${holder.command}) has the database in "${dataDir}" open`,
    { hint: "stop etcd first, and see that nothing starts it again" },
  );
}

export interface RunOptions extends Waiting {
  /** undefined opens only what is not sealed. */
  readonly identities: Identities | undefined;
  /** Codes of findings that shall not stop the restore. */
  readonly acceptFindings: readonly string[];
  readonly target: PlanFlags["target"];
  /** Called with the plain bytes so far. */
  readonly progress: (bytes: number) => void;
}

/** Does what the plan says. When this throws, everything is as it was before. */
export async function runRestore(
  { repository, backup: { manifest } }: FoundBackup,
  plan: RestorePlan,
  options: RunOptions,
): Promise<Restored> {
  const { identities, signal, progress, acceptFindings, target } = options;
  const [first, ...others] = plan.places as readonly [PlannedPlace, ...PlannedPlace[]];
  for (const { place } of plan.places)
    if (place.aside.length > 0) await requireUnused(place.dataDir);
  const far = { ...repository, store: parallelReads(repository.store) };
  const plain = readContents(far, manifest, { identities, signal });
  try {
    return await restoreSnapshot(
      {
        source: iterableSource(plain, manifest.snapshot.size),
        cluster: {
          name: first.name,
          initialCluster: plan.initialCluster,
          initialClusterToken: plan.token,
          initialAdvertisePeerURLs: first.peerURLs.join(","),
        },
        dataDir: first.place.dataDir,
        walDir: walDirOf(first),
        // what is signed is not only the snapshot's own word
        skipHashCheck: manifest.snapshot.trailer === "absent",
        acceptFindings,
        bump: plan.bump.by,
        target,
        drop: plan.drop,
        rewrite: plan.rewrite,
        keepAside: plan.keepAside,
        others: others.map(({ name, place }) => ({ name, dataDir: place.dataDir })),
        judge: ({ report }) => requireFacts(manifest, report),
        readBack: true,
      },
      { signal, progress },
    );
  } finally {
    await plain.return(undefined);
  }
}

function walDirOf({ place: { dataDir, walDir } }: PlannedPlace): string | undefined {
  return walDir === join(dataDir, "member", "wal") ? undefined : walDir;
}
