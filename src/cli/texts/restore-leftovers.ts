import type { DataDirPlan } from "../../restore/data-dir-plan.ts";

/** What to say of restores that were killed: they leave a whole database behind, with every Secret in it. */
export function leftoverWarnings({ dataDir, leftovers }: DataDirPlan): string[] {
  return leftovers.map(
    (path) =>
      `an earlier restore of "${dataDir}" did not come to its end and left "${path}", with a database in the clear: ` +
      "remove it, unless that restore is still running",
  );
}
