/**
 * Sealing a backup to other recipients: read once with the identity, which proves it again, and written as a new backup
 * that takes its place. The old one goes only when the new one has been read back from the store.
 */
import { HoldfastError } from "../errors.ts";
import { iterableSource } from "../io/source.ts";
import type { Inspection } from "../inspect/report.ts";
import type { Identities } from "../seal/identities.ts";
import {
  listBackups,
  loadBackup,
  loadBackups,
  type ListedBackup,
  type Listing,
  type LoadedBackup,
} from "./catalog.ts";
import { readContents } from "./contents.ts";
import type { Manifest } from "./manifest.ts";
import { listPins, pinBackup, unpinBackup } from "./pins.ts";
import { publishSnapshot, type Origin, type PublishOptions } from "./publish-snapshot.ts";
import { removeBackup } from "./remove.ts";
import type { Repository } from "./repository.ts";
import type { Trust } from "./trust.ts";
import { requireFacts, verifyBackup } from "./verify.ts";

export interface RekeyOptions extends Pick<
  PublishOptions,
  "recipients" | "sign" | "tool" | "signal" | "log" | "progress"
> {
  /** undefined opens only what is not sealed. */
  readonly identities: Identities | undefined;
}

export interface Rekeyed {
  readonly manifest: Manifest;
  /** The ID of the one whose place it took. */
  readonly old: string;
  /** Whether that is gone; a lock may keep it. */
  readonly isRemoved: boolean;
}

/** Throws what reading the old one throws, and "backup-damaged" when the new one cannot be read back; then both stay. */
export async function rekeyBackup(
  repository: Repository,
  backup: LoadedBackup,
  options: RekeyOptions,
): Promise<Rekeyed> {
  const old = backup.manifest;
  refuseUnknownObjects(old);
  const { id } = await sealAnew(repository, old, options);
  const { backups } = await listBackups(repository, old.cluster, options);
  const name = backups.find((one) => one.id === id);
  if (name === undefined) throw unreadable(id, "it is not listed");
  return takePlace(repository, old, await loadBackup(repository, name, options), options);
}

/**
 * Ends what an interrupted run left half done: of these backups, those whose place another one has taken already. Without
 * it both would be sealed anew.
 */
export async function finishRekeys(
  repository: Repository,
  { backups }: Listing,
  names: readonly ListedBackup[],
  options: RekeyOptions & { readonly trust: Trust },
): Promise<Rekeyed[]> {
  const finished: Rekeyed[] = [];
  for (const name of names) {
    const twins = backups.filter((one) => one.id !== name.id && isTwin(one, name));
    if (twins.length === 0) continue;
    const { manifest: old } = await loadBackup(repository, name, options);
    for await (const { backup, problem } of loadBackups(repository, twins, options)) {
      if (backup === undefined || problem !== undefined) continue;
      const { replaces, snapshot } = backup.manifest;
      if (replaces !== old.id || snapshot.sha256 !== old.snapshot.sha256) continue;
      finished.push(await takePlace(repository, old, backup, options));
      break;
    }
  }
  return finished;
}

/** A backup that was sealed anew keeps all of its name but the random part. */
function isTwin(a: ListedBackup, b: ListedBackup): boolean {
  return a.time === b.time && a.lineage === b.lineage && a.revision === b.revision;
}

async function takePlace(
  repository: Repository,
  old: Manifest,
  fresh: LoadedBackup,
  options: RekeyOptions,
): Promise<Rekeyed> {
  await requireReadable(repository, fresh, options);
  await movePin(repository, old, fresh, options);
  const isRemoved = await removeOld(repository, old, options);
  return { manifest: fresh.manifest, old: old.id, isRemoved };
}

/** They would be lost with the old manifest. */
function refuseUnknownObjects({ id, objects }: Manifest): void {
  const unknown = objects.find(({ role }) => role !== "snapshot" && role !== "report");
  if (unknown === undefined) return;
  throw new HoldfastError(
    "format-newer",
    `${id} has an object with the role "${unknown.role}", which this Holdfast cannot seal anew`,
    { hint: "use a newer Holdfast for this backup" },
  );
}

async function sealAnew(
  repository: Repository,
  old: Manifest,
  options: RekeyOptions,
): Promise<Manifest> {
  const { identities, signal } = options;
  const plain = readContents(repository, old, { identities, signal });
  try {
    const source = iterableSource(plain, old.snapshot.size);
    const published = await publishSnapshot(source, [repository], {
      ...options,
      required: 1,
      cluster: old.cluster,
      timeMs: Date.parse(old.time),
      requireTrailer: false,
      judge: (inspection) => originOf(old, inspection),
    });
    return published.manifest;
  } finally {
    await plain.return(undefined);
  }
}

function originOf(old: Manifest, { report }: Inspection): Origin {
  requireFacts(old, report);
  const { lineage, previous, imported, source, etcd, members, hashKV } = old;
  return {
    lineage,
    previous,
    imported,
    source,
    members,
    replaces: old.id,
    server: etcd.server,
    isConfirmed: hashKV.isConfirmed,
    durations: {},
  };
}

/** Reads the new backup from the store and compares its stored bytes, and puts that on record. */
async function requireReadable(
  repository: Repository,
  backup: LoadedBackup,
  { sign, tool, signal }: RekeyOptions,
): Promise<void> {
  const loaded = { name: backup.name, backup, signer: undefined, problem: undefined };
  const verdict = await verifyBackup(repository, loaded, {
    depth: "stored",
    identities: undefined,
    sign,
    tool,
    signal,
    progress: () => {},
  });
  const [fault] = verdict.faults;
  if (fault !== undefined) throw unreadable(backup.manifest.id, fault.message);
}

function unreadable(id: string, why: string): HoldfastError {
  return new HoldfastError(
    "backup-damaged",
    `${id} cannot be read back, so the old one stays: ${why}`,
  );
}

async function movePin(
  repository: Repository,
  old: Manifest,
  fresh: LoadedBackup,
  options: RekeyOptions,
): Promise<void> {
  const { cluster } = old;
  if (!(await listPins(repository, cluster, options)).has(old.id)) return;
  await pinBackup(repository, fresh, options);
  await unpinBackup(repository, old, options);
}

async function removeOld(
  repository: Repository,
  old: Manifest,
  { signal, log }: RekeyOptions,
): Promise<boolean> {
  try {
    return await removeBackup(
      repository,
      { name: old, manifest: old },
      { shared: new Set(), signal },
    );
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== "object-locked") throw error;
    log.warn(`${old.id} stays for now: ${error.message}`);
    return false;
  }
}
