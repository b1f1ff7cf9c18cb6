/** A backup for programs: its manifest, and what is known beside it. */
import type { LastProven } from "../../repository/evidence.ts";
import type { Described } from "../../repository/overview.ts";
import { isoTime } from "../../repository/stamp.ts";

/** @param stores URLs of the repositories that hold it */
export function backupDocument(described: Described, stores: readonly string[]): object {
  const { name, backup, signer, problem, verified, isPinned } = described;
  const { id, cluster, lineage, revision, time } = name;
  const known = {
    id,
    cluster,
    lineage,
    revision: String(revision),
    time: isoTime(time),
    objects: [],
  };
  return {
    ...(backup?.manifest ?? known),
    verified: verified === undefined ? null : provenDocument(verified),
    signer: signer ?? null,
    isPinned,
    problem: problem === undefined ? null : { code: problem.code, message: problem.message },
    stores,
  };
}

/** A signer of null: by the name of the evidence alone, since nothing says whom to trust. */
function provenDocument({ depth, time, signer }: LastProven): object {
  return { depth, time: isoTime(time), signer: signer ?? null };
}
