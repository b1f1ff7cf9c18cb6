/** A plan to prune, for people and for programs. */
import type { PrunePlan, Pruned } from "../../repository/prune.ts";
import { isoTime } from "../../repository/stamp.ts";
import { printable } from "../../io/printable.ts";
import { count } from "./count.ts";
import { humanSize } from "./size.ts";
import { alignColumns } from "./table.ts";

interface Shown {
  /** Of the repository. */
  readonly url: string;
  readonly plan: PrunePlan;
}

interface Row {
  readonly id: string;
  readonly action: "keep" | "remove" | "ignore";
  readonly reasons: readonly string[];
}

function rowsOf({ decisions, standings }: PrunePlan): Row[] {
  const counted = decisions.map(({ backup, keep, reasons }): Row => {
    return { id: backup.id, action: keep ? "keep" : "remove", reasons };
  });
  const others = standings.others.map(({ name, problem }): Row => {
    return { id: name.id, action: "ignore", reasons: [problem?.message ?? ""] };
  });
  return [...counted, ...others];
}

/** Without a last newline. */
export function planText({ url, plan }: Shown): string {
  const rows = rowsOf(plan);
  const table = rows.map(({ id, action, reasons }) => [action, id, printable(reasons.join(", "))]);
  const orphans = plan.orphans.found.map(({ key, size, ageMs }) => [
    "sweep",
    key,
    `${humanSize(size)}, nothing names it, ${count(Math.floor(ageMs / 86_400_000), "day")} old`,
  ]);
  const going = rows.filter(({ action }) => action === "remove").length;
  return [
    `${printable(url)}, cluster ${plan.cluster}:`,
    ...alignColumns([...table, ...orphans]),
    `${count(rows.length, "backup")}, ${going} to remove, ${count(orphans.length, "leftover")} to sweep`,
  ].join("\n");
}

/** @param pruned undefined when nothing was done */
export function planDocument({ url, plan }: Shown, pruned: Pruned | undefined): object {
  const sizes = new Map(plan.decisions.map(({ backup }) => [backup.id, backup]));
  return {
    repository: url,
    cluster: plan.cluster,
    frozen: plan.frozen ?? null,
    backups: rowsOf(plan).map(({ id, action, reasons }) => {
      const time = sizes.get(id)?.time;
      return { id, time: time === undefined ? null : isoTime(time), action, reasons };
    }),
    orphans: plan.orphans.found,
    done: pruned ?? null,
  };
}
