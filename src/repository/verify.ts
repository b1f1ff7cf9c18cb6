/**
 * Proving backups at rest, to one of three depths: that all is there with its sizes; that the stored bytes are those that
 * were published; that they open, unpack, and hold to the last key what the manifest says.
 */
import { HoldfastError, type ErrorCode } from "../errors.ts";
import { inspectStream } from "../inspect/inspect.ts";
import type { Report } from "../inspect/report.ts";
import { monotonicMs, now } from "../io/clock.ts";
import { iterableSource } from "../io/source.ts";
import type { Identities } from "../seal/identities.ts";
import type { Waiting } from "../store/store.ts";
import { isItsAlone, type Loaded, type LoadedBackup } from "./catalog.ts";
import { readContents } from "./contents.ts";
import { recordEvidence, type Depth } from "./evidence.ts";
import type { Manifest, ManifestObject } from "./manifest.ts";
import type { Repository } from "./repository.ts";
import { storedBytes } from "./stored.ts";
import type { Sign } from "./trust.ts";

export interface VerifyOptions extends Waiting {
  readonly depth: Depth;
  /** For contents. */
  readonly identities: Identities | undefined;
  /** With it the result is recorded. */
  readonly sign: Sign | undefined;
  readonly tool: string;
  /** Called with the bytes of each piece that was read. */
  readonly progress: (more: number) => void;
}

/** What is wrong with a backup. */
export interface Fault {
  readonly code: ErrorCode;
  readonly message: string;
}

export interface Verdict {
  readonly id: string;
  readonly depth: Depth;
  /** Proven to that depth. */
  readonly isProven: boolean;
  /** Why not. */
  readonly faults: readonly Fault[];
  /** Stored bytes. */
  readonly bytesRead: number;
  readonly durationMs: number;
  /** The key of what was recorded. */
  readonly evidence: string | undefined;
}

/**
 * Verifies one backup that was loaded. Damage is in the verdict; only what keeps from looking at all is thrown, as a
 * store that does not answer. Recorded is what was proven, and damage of the objects; what is wrong with a manifest or a
 * signature, or with the identities given here, is no fact about what was published.
 */
export async function verifyBackup(
  repository: Repository,
  { name, backup, problem }: Loaded,
  options: VerifyOptions,
): Promise<Verdict> {
  const { depth, signal, sign } = options;
  const [time, start] = [now().getTime(), monotonicMs()];
  let bytesRead = 0;
  const progress = (more: number): void => {
    bytesRead += more;
    options.progress(more);
  };
  if (backup === undefined || problem !== undefined)
    return { ...verdict(name.id, depth, [faultOf(problem!)]), bytesRead, durationMs: 0 };
  const faults = await faultsOf(repository, backup, { ...options, progress });
  const found = { ...verdict(name.id, depth, faults), bytesRead };
  const durationMs = Math.round(monotonicMs() - start);
  if (sign === undefined || faults.some(({ code }) => !IS_DAMAGE.has(code)))
    return { ...found, durationMs };
  const outcome = found.isProven ? depth : "failed";
  const fact = { outcome, depth, bytesRead, durationMs, tool: options.tool, time } as const;
  const evidence = await recordEvidence(
    repository,
    backup,
    { ...fact, findings: [...faults] },
    { sign, signal },
  );
  return { ...found, durationMs, evidence };
}

function verdict(
  id: string,
  depth: Depth,
  faults: readonly Fault[],
): Omit<Verdict, "bytesRead" | "durationMs"> {
  return { id, depth, isProven: faults.length === 0, faults, evidence: undefined };
}

/** Codes of what is wrong with stored bytes, whoever looks at them. */
const IS_DAMAGE: ReadonlySet<string> = new Set([
  "backup-damaged",
  "object-missing",
  "packed-damaged",
  "sealed-damaged",
  "snapshot-damaged",
]);

function faultOf({ code, message }: HoldfastError): Fault {
  return { code, message };
}

/** Everything that is wrong, the simplest first; a depth is tried only where those before it held. */
async function faultsOf(
  repository: Repository,
  backup: LoadedBackup,
  options: VerifyOptions,
): Promise<Fault[]> {
  const { manifest } = backup;
  const missing: Fault[] = [];
  for (const object of manifest.objects)
    missing.push(...(await caught(options, () => requireListed(repository, object, options))));
  if (missing.length > 0 || options.depth === "listed") return missing;
  const isRead = ({ role }: ManifestObject): boolean =>
    options.depth === "contents" && (role === "snapshot" || role === "report");
  const faults: Fault[] = [];
  for (const object of manifest.objects) {
    const stored = () => drain(storedBytes(repository, object, manifest.id, options));
    if (!isRead(object)) {
      faults.push(...(await caught(options, stored)));
      continue;
    }
    const inside = await caught(options, () =>
      requireContents(repository, manifest, object, options),
    );
    // Whether the bytes have changed since, or never could be read, are two very different things.
    const outside = inside.some(({ code }) => code !== "backup-damaged" && IS_DAMAGE.has(code))
      ? await caught(options, stored)
      : [];
    faults.push(...outside, ...inside);
  }
  return faults;
}

async function caught({ signal }: Waiting, check: () => Promise<void>): Promise<Fault[]> {
  try {
    await check();
    return [];
  } catch (error) {
    signal.throwIfAborted();
    if (!isFault(error)) throw error;
    return [faultOf(error)];
  }
}

function isFault(error: unknown): error is HoldfastError {
  return (
    isItsAlone(error) ||
    (error instanceof HoldfastError &&
      (IS_DAMAGE.has(error.code) || error.code === "no-identity-matches"))
  );
}

async function requireListed(
  { store }: Repository,
  { role, key, size }: ManifestObject,
  { signal }: Waiting,
): Promise<void> {
  const found = await store.stat(key, { signal });
  if (found === undefined)
    throw new HoldfastError("object-missing", `its ${role} is not there: "${key}"`);
  if (found.size !== size)
    throw new HoldfastError(
      "backup-damaged",
      `its ${role} has ${found.size} bytes, wanted ${size}: "${key}"`,
    );
}

async function drain(bytes: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of bytes);
}

/** An identity that does not open it says nothing against the backup, unless the stored bytes are damaged. */
async function requireContents(
  repository: Repository,
  manifest: Manifest,
  object: ManifestObject,
  options: VerifyOptions,
): Promise<void> {
  try {
    await requireOpened(repository, manifest, object, options);
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "no-identity-matches")
      await drain(storedBytes(repository, object, manifest.id, { signal: options.signal }));
    throw error;
  }
}

async function requireOpened(
  repository: Repository,
  manifest: Manifest,
  { role }: ManifestObject,
  options: VerifyOptions,
): Promise<void> {
  const plain = readContents(repository, manifest, { ...options, role });
  if (role !== "snapshot") return drain(plain);
  const source = iterableSource(plain, manifest.snapshot.size);
  const { report } = await inspectStream(source, { signal: options.signal });
  requireFacts(manifest, report);
}

/** Throws "backup-damaged" where the snapshot is another than the manifest says, "snapshot-damaged" for new errors in it. */
export function requireFacts(manifest: Manifest, report: Report): void {
  const said = [
    ["bytes", report.bytes, manifest.snapshot.size],
    ["SHA-256", report.sha256, manifest.snapshot.sha256],
    ["revision", String(report.revision), manifest.revision],
    ["compacted revision", String(report.compactRevision), manifest.compactedRevision],
    ["HASH", report.status.hash, manifest.statusHash],
    ["HashKV", report.hashKV.hash, manifest.hashKV.hash],
    ["number of keys", report.liveKeys, manifest.contents.liveKeys],
  ] as const;
  for (const [what, found, wanted] of said)
    if (found !== wanted)
      throw new HoldfastError(
        "backup-damaged",
        `the snapshot of ${manifest.id} is another than its manifest says: its ${what} is ${found}, wanted ${wanted}`,
      );
  const known = new Set(manifest.findings.map(({ code }) => code));
  const error = report.findings.find(
    ({ severity, code }) => severity === "error" && !known.has(code),
  );
  if (error !== undefined)
    throw new HoldfastError(
      "snapshot-damaged",
      `the snapshot of ${manifest.id} is damaged: ${error.message}`,
    );
}
