/** Parts of all backups, so that a schedule of small checks covers everything in time. */
import { HoldfastError } from "../errors.ts";
import { sha256Of } from "./document.ts";

/** `3/10`: the third of ten parts; `5%`: so many, those that have waited longest. */
export type Subset =
  | { readonly kind: "part"; readonly part: number; readonly of: number }
  | { readonly kind: "percent"; readonly percent: number };

/** Throws "usage" for anything else than `n/t` with 1 ≤ n ≤ t, or a percentage above 0 up to 100. */
export function parseSubset(text: string): Subset {
  const [, part, of] = /^([1-9]\d{0,4})\/([1-9]\d{0,4})$/.exec(text) ?? [];
  if (part !== undefined && Number(part) <= Number(of))
    return { kind: "part", part: Number(part), of: Number(of) };
  const percent = Number(/^(\d{1,3}(?:\.\d{1,6})?)%$/.exec(text)?.[1]);
  if (percent > 0 && percent <= 100) return { kind: "percent", percent };
  throw new HoldfastError(
    "usage",
    `${JSON.stringify(text.slice(0, 50))} is no part of all backups`,
    {
      hint: "write 5%, or 3/10 for the third of ten parts",
    },
  );
}

/**
 * The IDs that belong to the part, in the order given. A part is a matter of the ID alone: ten runs with `1/10` to `10/10`
 * cover all. A percentage, of the whole and rounded up, takes those first that were proven longest ago, or never.
 *
 * @param provenAt when each was last proven, in milliseconds since 1970
 */
export function chooseSubset(
  ids: readonly string[],
  subset: Subset,
  provenAt: (id: string) => number | undefined,
): string[] {
  const draw = (id: string): number => Number.parseInt(sha256Of(Buffer.from(id)).slice(0, 12), 16);
  if (subset.kind === "part") return ids.filter((id) => draw(id) % subset.of === subset.part - 1);
  const waiting = ids
    .map((id) => ({ id, time: provenAt(id) ?? -Infinity, lot: draw(id) }))
    .toSorted((a, b) => (a.time === b.time ? a.lot - b.lot : a.time < b.time ? -1 : 1));
  const count = Math.ceil((ids.length * subset.percent) / 100);
  const chosen = new Set(waiting.slice(0, count).map(({ id }) => id));
  return ids.filter((id) => chosen.has(id));
}
