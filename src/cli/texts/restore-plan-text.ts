/** A plan of a restore, for people. */
import { printable } from "../../io/printable.ts";
import type { PlanRow, RestorePlan } from "../../restore/plan.ts";
import { humanSize } from "./size.ts";
import { alignColumns } from "./table.ts";

/** Without a last newline. */
export function planText(plan: RestorePlan): string {
  const signed = plan.signer === undefined ? "" : `, signed by ${plan.signer}`;
  const heading = `Restore of ${plan.id} (cluster "${plan.cluster}", begun ${plan.time}${signed})`;
  const notes = plan.notes.length === 0 ? [] : ["To know:", ...rows(plan.notes)];
  return [heading, ...rows(plan.steps), ...notes].map(printable).join("\n");
}

function rows(all: readonly PlanRow[]): string[] {
  const cells = all.map(({ what, bytes, why, unless }) => [
    what,
    bytes === undefined ? "" : humanSize(bytes),
    unless === undefined ? why : `${why} (${unless})`,
  ]);
  return alignColumns(cells, [1]).map((line) => `  ${line}`);
}

/** The same for programs. */
export function planDocument({ bump, revision, places, ...plan }: RestorePlan): object {
  return {
    ...plan,
    bump: { by: String(bump.by), reason: bump.reason },
    revision: String(revision),
    places: places.map(({ name, peerURLs, use, place }) => {
      const { dataDir, walDir, aside } = place;
      return { name, peerURLs, dataDir, walDir, aside, use: use ?? null };
    }),
  };
}
