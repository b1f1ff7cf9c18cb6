/**
 * A snapshot becomes a backup in one pass: inspected, packed, sealed, counted and stored, while it comes; judged at its
 * end, before any store takes it for whole; then its report, then its manifest, signed. What fails at any point leaves
 * nothing that could be listed.
 */
import { reportDocument } from "../inspect/report-document.ts";
import { tapped } from "../inspect/tap.ts";
import type { Inspection, Report } from "../inspect/report.ts";
import { monotonicMs } from "../io/clock.ts";
import { toJson } from "../io/json.ts";
import { randomName } from "../io/random.ts";
import type { ByteSource } from "../io/source.ts";
import { pack } from "../pack/pack.ts";
import type { Recipients } from "../seal/recipients.ts";
import { seal } from "../seal/seal.ts";
import { Deposit, type DepositOptions, type Placement } from "./deposit.ts";
import { snapshotFacts } from "./facts.ts";
import { backupName, dataKey, RANDOM_DIGITS, reportKey } from "./layout.ts";
import { decodeManifest, encodeManifest, type Manifest, type ManifestObject } from "./manifest.ts";
import type { Repository } from "./repository.ts";
import { isoTime } from "./stamp.ts";
import type { Sign } from "./trust.ts";

/** What a manifest says that the snapshot does not. */
export interface Origin extends Pick<
  Manifest,
  "lineage" | "previous" | "replaces" | "imported" | "source"
> {
  /** Version of the etcd that runs on it, "" where it is not known. */
  readonly server: string;
  /** Where they are known better than by the snapshot. */
  readonly members?: Manifest["members"] | undefined;
  /** Whether the source member gave the same HashKV itself. */
  readonly isConfirmed: boolean;
  /** Milliseconds, by what they were spent on. */
  readonly durations: Manifest["durations"];
  /** With what was found out beside the bytes, where there is something. */
  readonly report?: Report;
}

export interface PublishOptions extends DepositOptions {
  readonly cluster: string;
  /** When the snapshot was begun. */
  readonly timeMs: number;
  readonly recipients: Recipients;
  readonly sign: Sign;
  /** Who makes this: `holdfast 1.2.3`. */
  readonly tool: string;
  readonly requireTrailer: boolean;
  /** Called with the plain bytes so far. */
  readonly progress: (bytes: number) => void;
  /** Looks at the snapshot at its end; what it throws keeps everything from being stored. */
  readonly judge: (inspection: Inspection) => Promise<Origin> | Origin;
}

/** A backup that is there. */
export interface Published {
  readonly manifest: Manifest;
  readonly report: Report;
  /** One for each repository, in order. */
  readonly placements: readonly Placement[];
}

/** Throws what `judge`, the source, and as many stores throw that fewer than required remain. */
export async function publishSnapshot(
  source: ByteSource,
  repositories: readonly Repository[],
  options: PublishOptions,
): Promise<Published> {
  const start = monotonicMs();
  const { cluster, timeMs, recipients, signal } = options;
  const own = { cluster, time: timeMs, random: randomName(RANDOM_DIGITS) };
  await using deposit = new Deposit(repositories, options);
  let judged: { report: Report; origin: Origin } | undefined;
  const plain = tapped(source, options, async (inspection) => {
    const origin = await options.judge(inspection);
    judged = { report: origin.report ?? inspection.report, origin };
  });
  const sealed = (bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> =>
    seal(pack(bytes, { signal }), recipients, { signal });
  const snapshotKey = dataKey(own, recipients.suffix);
  const snapshot = await deposit.put("snapshot", snapshotKey, sealed(plain), source.sizeHint);
  const { report, origin } = judged!;
  const name = backupName({ ...own, lineage: origin.lineage, revision: report.revision });
  const document = once(`${toJson(reportDocument(name.id, report))}\n`);
  const fullReport = await deposit.put(
    "report",
    reportKey(own, recipients.suffix),
    sealed(document),
  );
  const draft = manifestOf(name.id, [snapshot, fullReport], { ...judged!, ...options });
  draft.durations["total"] = Math.round(monotonicMs() - start);
  const bytes = encodeManifest(draft);
  const manifest = decodeManifest(bytes, name);
  const signature = options.sign(bytes);
  const placements = await deposit.publish({ manifest, bytes, signature });
  return { manifest, report, placements };
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

function manifestOf(
  id: string,
  objects: ManifestObject[],
  story: PublishOptions & { readonly report: Report; readonly origin: Origin },
): Manifest {
  const { cluster, timeMs, tool, recipients, report, origin } = story;
  const { server, members, isConfirmed, report: _, ...told } = origin;
  const facts = snapshotFacts(report);
  return {
    version: 1,
    kind: "holdfast-backup",
    id,
    cluster,
    time: isoTime(timeMs),
    tool,
    ...facts,
    ...told,
    etcd: { server, ...facts.etcd },
    members: members ?? facts.members,
    hashKV: { ...facts.hashKV, isConfirmed },
    packing: "zstd-seekable",
    sealing: { kind: recipients.kind, recipients: [...recipients.fingerprints] },
    objects,
    durations: { ...told.durations },
  };
}
