/** Evidence: signed records of what was proven of a backup, when, and how deep. Names tell, only signatures count. */
import { z } from "zod";
import { randomName } from "../io/random.ts";
import type { ObjectInfo, Waiting } from "../store/store.ts";
import { isItsOwnProblem, type LoadedBackup, type LoadOptions } from "./catalog.ts";
import { decodeDocument, encodeDocument, invalid } from "./document.ts";
import {
  evidenceKey,
  evidencePrefix,
  OUTCOMES,
  parseKey,
  RANDOM_DIGITS,
  signatureKey,
  type EvidenceName,
  type Outcome,
} from "./layout.ts";
import type { Repository } from "./repository.ts";
import { fetchSigned, putSigned } from "./signed-document.ts";
import { isoTime } from "./stamp.ts";
import type { Sign, Trust } from "./trust.ts";

/** How deep a check goes: names and sizes; the SHA-256 of the stored bytes; the contents to the last key. */
export type Depth = Exclude<Outcome, "failed">;

const PROOF = z.object({
  code: z.string().max(100),
  message: z.string().max(500),
});

const EVIDENCE = z.object({
  version: z.literal(1),
  kind: z.literal("holdfast-evidence"),
  /** The repository in which it was proven: of a copy elsewhere nothing is known by it. */
  repository: z.string().regex(/^[0-9a-f]{32}$/),
  cluster: z.string().max(100),
  id: z.string().max(100),
  /** SHA-256 of the manifest's bytes, and with them of all that it names. */
  manifest: z.string().regex(/^[0-9a-f]{64}$/),
  outcome: z.enum(OUTCOMES),
  /** What was tried; the same as the outcome where it held. */
  depth: z.enum(["listed", "stored", "contents"]),
  /** When it was begun. */
  time: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/),
  bytesRead: z.int().min(0),
  durationMs: z.int().min(0),
  tool: z.string().max(100),
  findings: z.array(PROOF).max(50),
});

type Evidence = z.output<typeof EVIDENCE>;

/** An evidence by its name. */
export interface ListedEvidence extends EvidenceName {
  readonly document: ObjectInfo;
  readonly signature: ObjectInfo | undefined;
}

/** By ID of the backup, the newest first. Reads names only; `id` narrows it to one backup. */
export async function listEvidence(
  { store }: Repository,
  cluster: string,
  { id, signal }: Waiting & { readonly id?: string },
): Promise<ReadonlyMap<string, readonly ListedEvidence[]>> {
  const documents: (EvidenceName & { document: ObjectInfo })[] = [];
  const signatures = new Map<string, ObjectInfo>();
  for await (const info of store.list(evidencePrefix(cluster, id), { signal })) {
    const part = parseKey(info.key);
    if (part?.kind === "evidence") documents.push(Object.assign(part.evidence, { document: info }));
    if (part?.kind === "evidence-signature") signatures.set(part.evidence.key, info);
  }
  const all = documents.map((one) => Object.assign(one, { signature: signatures.get(one.key) }));
  all.sort((a, b) => b.time - a.time || (a.key < b.key ? 1 : -1));
  return Map.groupBy(all, (one) => one.id);
}

/** Signs and stores what was found out about a backup. The key of the document. */
export async function recordEvidence(
  repository: Repository,
  { manifest: { cluster, id }, sha256 }: LoadedBackup,
  found: Pick<Evidence, "outcome" | "depth" | "bytesRead" | "durationMs" | "findings" | "tool"> & {
    readonly time: number;
  },
  options: Waiting & { readonly sign: Sign },
): Promise<string> {
  const { time, findings, outcome } = found;
  const evidence: z.input<typeof EVIDENCE> = {
    ...found,
    version: 1,
    kind: "holdfast-evidence",
    repository: repository.id,
    cluster,
    id,
    manifest: sha256,
    time: isoTime(time),
    findings: findings.slice(0, 50).map(({ code, message }) => ({
      code: code.slice(0, 100),
      message: message.slice(0, 500),
    })),
  };
  const key = evidenceKey({ cluster, id, outcome, time, random: randomName(RANDOM_DIGITS) });
  await putSigned(
    repository,
    key,
    encodeDocument(EVIDENCE, evidence, `the evidence on ${id}`),
    options,
  );
  return key;
}

/**
 * Reads an evidence and who signed it. Throws where it does not count: as `Trust` does, "signature-missing", and
 * "document-invalid" for what is about another backup, or another repository.
 */
async function loadEvidence(
  repository: Repository,
  listed: ListedEvidence,
  { sha256 }: Pick<LoadedBackup, "sha256">,
  options: LoadOptions & { readonly trust: Trust },
): Promise<{ readonly evidence: Evidence; readonly signer: string }> {
  const { document, signature } = listed;
  const { bytes, signer } = await fetchSigned(repository, document, signature, options);
  const what = `"${document.key}"`;
  const evidence = decodeDocument(EVIDENCE, bytes, { what, version: 1 });
  const said = [
    ["repository", evidence.repository, repository.id],
    ["cluster", evidence.cluster, listed.cluster],
    ["id", evidence.id, listed.id],
    ["outcome", evidence.outcome, listed.outcome],
    ["time", evidence.time, isoTime(listed.time)],
    ["manifest", evidence.manifest, sha256],
  ] as const;
  for (const [field, found, wanted] of said)
    if (found !== wanted) throw invalid(what, `its ${field} is ${found}, wanted ${wanted}`);
  return { evidence, signer };
}

/** What is known of a backup. */
export interface LastProven {
  readonly depth: Depth;
  readonly time: number;
  /** Whose evidence it is; undefined where only names were read. */
  readonly signer: string | undefined;
}

const RANK: Readonly<Record<Outcome, number>> = { failed: -1, listed: 0, stored: 1, contents: 2 };

/** Whether an evidence could change what is known so far; of the weaker ones only a failure could. */
function isTelling(
  { outcome }: ListedEvidence,
  best: LastProven | undefined,
  least: Depth,
): boolean {
  if (outcome === "failed") return true;
  return RANK[outcome] >= RANK[least] && (best === undefined || RANK[outcome] > RANK[best.depth]);
}

/**
 * The deepest proof of a backup that no later failure contradicts, the latest of that depth; undefined for none.
 * Evidence that does not count is passed over. Reads no more than it needs.
 *
 * @param evidence of this backup, the newest first @param options.least depths below it are not asked for
 */
export async function lastProven(
  repository: Repository,
  backup: Pick<LoadedBackup, "sha256">,
  evidence: readonly ListedEvidence[],
  options: LoadOptions & { readonly trust: Trust; readonly least?: Depth },
): Promise<LastProven | undefined> {
  const { least = "listed" } = options;
  let best: LastProven | undefined;
  for (const listed of evidence) {
    if (!isTelling(listed, best, least)) continue;
    const signer = await signerOf(repository, listed, backup, options);
    if (signer === undefined) continue;
    if (listed.outcome === "failed") return best;
    best = { depth: listed.outcome, time: listed.time, signer };
  }
  return best;
}

/** The same by names alone: what was put on record, whoever did it. */
export function lastOnRecord(evidence: readonly ListedEvidence[]): LastProven | undefined {
  let best: LastProven | undefined;
  for (const listed of evidence) {
    if (!isTelling(listed, best, "listed")) continue;
    if (listed.outcome === "failed") return best;
    best = { depth: listed.outcome, time: listed.time, signer: undefined };
  }
  return best;
}

async function signerOf(
  repository: Repository,
  listed: ListedEvidence,
  backup: Pick<LoadedBackup, "sha256">,
  options: LoadOptions & { readonly trust: Trust },
): Promise<string | undefined> {
  try {
    return (await loadEvidence(repository, listed, backup, options)).signer;
  } catch (error) {
    options.signal.throwIfAborted();
    if (!isItsOwnProblem(error)) throw error;
    return undefined;
  }
}

/** Of documents and signatures, in the order in which they go. */
export function evidenceKeys(evidence: readonly ListedEvidence[]): string[] {
  return evidence.flatMap(({ key, signature }) => (signature ? [key, signatureKey(key)] : [key]));
}
