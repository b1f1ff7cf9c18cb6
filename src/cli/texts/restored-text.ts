/** What was restored, what was proven of it, and what to type next. */
import { idText } from "../../format/cluster/member.ts";
import { shellWord } from "../../format/shell-word.ts";
import { printable } from "../../io/printable.ts";
import { objectOf, type Manifest } from "../../repository/manifest.ts";
import type { HashKV } from "../../inspect/report.ts";
import type { FoundBackup } from "../../restore/find-backup.ts";
import type { RestorePlan } from "../../restore/plan.ts";
import type { Restored } from "../../restore/restore.ts";
import { directoryFlags } from "../flags/directory.ts";
import { count } from "./count.ts";
import { humanSize } from "./size.ts";

export interface Result {
  readonly found: FoundBackup;
  readonly plan: RestorePlan;
  readonly restored: Restored;
  /** Flags about the contents of the database, which must be the same for every member. */
  readonly sameFlags: readonly string[];
  /** What opens and trusts, as it is said on another host. */
  readonly keyFlags: readonly string[];
}

/** Without a last newline. */
export function restoredText(result: Result): string {
  const { found, restored } = result;
  const { manifest } = found.backup;
  const keys = count(restored.report.liveKeys, "key");
  return [
    `Restored ${manifest.id}: ${keys}, at revision ${restored.revision}`,
    ...[restored.place, ...restored.otherPlaces].map(({ dataDir }) => `  in ${dataDir}`),
    "Proven:",
    ...proofs(result).map((line) => `  ${line}`),
    "Next:",
    ...nextSteps(result).map((line) => `  ${line}`),
  ]
    .map(printable)
    .join("\n");
}

function proofs({ found: { backup, signer }, restored, plan }: Result): string[] {
  const { manifest } = backup;
  const stored = objectOf(manifest, "snapshot");
  const { hash, revision, isConfirmed } = manifest.hashKV;
  const whose = signer === undefined ? "its manifest" : `the manifest that ${signer} signed`;
  const said = isConfirmed ? ", which the member itself gave when it was taken" : "";
  const rows = plan.bump.by === 0n ? "the rows" : "the rows below the bump";
  return [
    `the ${humanSize(stored.size)} that were fetched have the SHA-256 in ${whose}`,
    `${rows} hash to its HashKV, ${hash} at revision ${revision}${said}`,
    `what was written was read back: ${humanSize(writtenOf(restored).dbSize)}, every page and row`,
  ];
}

/** A restore from a repository always reads back. */
function writtenOf({ written }: Restored) {
  return written!;
}

function nextSteps(result: Result): string[] {
  const { plan, restored } = result;
  const predicted = writtenOf(restored).hashKV;
  return [
    ...plan.elsewhere.map((name) => `on the host of ${name}: ${commandFor(name, result)}`),
    ...(restored.isOwned ? [] : plan.places.map(({ place }) => chown(place))),
    `start ${plan.elsewhere.length + plan.places.length > 1 ? "all members together" : "etcd"}, this one with ${startFlags(plan)}`,
    `before anything is written, every member must then answer HashKV ${predicted.hash} at revision ${predicted.revision}:`,
    `holdfast hashkv ${connectionFlags(result.found.backup.manifest).join(" ")}`,
  ];
}

/** The same backup, token and revision: what a second machine must not choose anew. */
function commandFor(name: string, { found, plan, sameFlags, keyFlags }: Result): string {
  const { repository, backup } = found;
  const revision = plan.bump.by === 0n ? "--exact-revision" : `--bump-revision=${plan.bump.by}`;
  return [
    `holdfast restore ${backup.manifest.id} --repo=${shellWord(repository.store.url)}`,
    `--cluster=${plan.cluster} --member=${shellWord(name)} --initial-cluster=${shellWord(plan.initialCluster)}`,
    `--initial-cluster-token=${shellWord(plan.token)} ${[revision, ...sameFlags].join(" ")}`,
    ["--data-dir=…", ...keyFlags].join(" "),
  ].join(" ");
}

function chown({ owner, dataDir }: RestorePlan["places"][number]["place"]): string {
  return `chown -R ${owner?.uid}:${owner?.gid} ${shellWord(dataDir)}: it could not be given to whom it belonged`;
}

function startFlags({ places }: RestorePlan): string {
  return places
    .map(({ name, place }) => `--name=${shellWord(name)} ${directoryFlags(place)}`)
    .join(" and ");
}

/** How to ask the members; what only a person knows is left open. */
function connectionFlags({ members, contents }: Manifest): string[] {
  const urls = members.flatMap((member) => member.clientURLs.slice(0, 1));
  const isSecure = urls.some((url) => url.startsWith("https:"));
  return [
    `--endpoints=${urls.length === 0 ? "…" : shellWord(urls.join(","))}`,
    ...(isSecure ? ["--cacert=… --cert=… --key=…"] : []),
    ...(contents.authEnabled ? ["--user=…"] : []),
  ];
}

/** The same for programs. */
export function restoredDocument({ found, plan, restored }: Result): object {
  const { manifest } = found.backup;
  return {
    id: manifest.id,
    cluster: manifest.cluster,
    repository: found.repository.store.url,
    signer: found.signer ?? null,
    revision: String(restored.revision),
    liveKeys: restored.report.liveKeys,
    clusterId: idText(restored.cluster.id),
    token: plan.token,
    initialCluster: plan.initialCluster,
    bump: String(plan.bump.by),
    dataDirs: [restored.place, ...restored.otherPlaces].map(({ dataDir, walDir, aside }, at) => {
      return { member: plan.places[at]!.name, dataDir, walDir, aside };
    }),
    proven: hashDocument(manifest.hashKV),
    predicted: hashDocument(writtenOf(restored).hashKV),
    elsewhere: plan.elsewhere,
  };
}

function hashDocument({ hash, revision, compactRevision }: HashKV | Manifest["hashKV"]): object {
  return { hash, revision: String(revision), compactRevision: String(compactRevision) };
}
