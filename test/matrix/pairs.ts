/** Rows of a product of axes: all of them, or a few that hold every pair of values. Nothing here knows what the axes mean. */

/** The values of each axis, by its name. Values are told apart by their JSON. */
export type Axes = Readonly<Record<string, readonly unknown[]>>;

/** One value of each axis. */
export type Row<A extends Axes> = { readonly [Axis in keyof A]: A[Axis][number] };

/** Values that cannot be in one row. */
export interface Exclusion<R> {
  readonly reason: string;
  /** Whether a row is out, whatever its missing values will be. */
  readonly excludes: (row: Partial<R>) => boolean;
}

type Values = Readonly<Record<string, unknown>>;

/** Every row that nothing excludes; the last axis runs fastest. */
export function product<A extends Axes>(
  axes: A,
  exclusions: readonly Exclusion<Row<NoInfer<A>>>[] = [],
): Row<A>[] {
  let rows: Partial<Row<A>>[] = [{}];
  for (const axis of Object.keys(axes))
    rows = rows.flatMap((row) => extended(axes, axis, row, exclusions));
  return rows as Row<A>[];
}

/**
 * Rows in which every pair of values of two axes is found that is found in any row at all: few, though not the fewest
 * possible. The same axes give the same rows; where it does not matter, values that were used least are taken.
 */
export function allPairs<A extends Axes>(
  axes: A,
  exclusions: readonly Exclusion<Row<NoInfer<A>>>[] = [],
): Row<A>[] {
  const uses = new Map(pairsOfAll(axes).map((pair) => [pair, 0]));
  const rows: Row<A>[] = [];
  for (;;) {
    const open = [...uses.keys()].filter((pair) => uses.get(pair) === 0);
    const found: Row<A>[] = [];
    for (const pair of open) {
      const row = complete(axes, exclusions, rowWith(axes, pair), uses);
      if (row === undefined) uses.delete(pair); // no row has both
      else found.push(row);
    }
    const [best] = bestFirst(found, uses);
    if (best === undefined) return rows;
    for (const pair of pairsOf(best)) uses.set(pair, uses.get(pair)! + 1);
    rows.push(best);
  }
}

/** The pairs of a row (whole or in part), each as a text that is the same in any row. */
export function pairsOf(row: Values): string[] {
  const cells = Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return cells.flatMap((one, i) => cells.slice(i + 1).map((other) => JSON.stringify([one, other])));
}

function pairsOfAll(axes: Axes): string[] {
  const names = Object.keys(axes);
  return names.flatMap((one, i) =>
    names
      .slice(i + 1)
      .flatMap((other) => product({ [one]: axes[one]!, [other]: axes[other]! }).flatMap(pairsOf)),
  );
}

/** The row with nothing but this pair. */
function rowWith<A extends Axes>(axes: A, pair: string): Partial<Row<A>> {
  const cells = JSON.parse(pair) as [string, unknown][];
  const original = ([axis, copy]: [string, unknown]): unknown =>
    axes[axis]!.find((value) => JSON.stringify(value) === JSON.stringify(copy));
  return Object.fromEntries(cells.map((cell) => [cell[0], original(cell)])) as Partial<Row<A>>;
}

/** Adds what is missing, axis by axis; undefined when no row has these values. */
function complete<A extends Axes>(
  axes: A,
  exclusions: readonly Exclusion<Row<A>>[],
  row: Partial<Row<A>>,
  uses: ReadonlyMap<string, number>,
): Row<A> | undefined {
  if (exclusions.some(({ excludes }) => excludes(row))) return undefined;
  const axis = Object.keys(axes).find((one) => !(one in row));
  if (axis === undefined) return row as Row<A>;
  for (const next of bestFirst(extended(axes, axis, row, exclusions), uses)) {
    const found = complete(axes, exclusions, next, uses);
    if (found !== undefined) return found;
  }
  return undefined;
}

function extended<A extends Axes>(
  axes: A,
  axis: string,
  row: Partial<Row<A>>,
  exclusions: readonly Exclusion<Row<A>>[],
): Partial<Row<A>>[] {
  return axes[axis]!.flatMap((value) => {
    const next = { ...row, [axis]: value };
    return exclusions.some(({ excludes }) => excludes(next)) ? [] : [next];
  });
}

/** Rows with most unused pairs first, among these those whose pairs were used least. */
function bestFirst<R extends Values>(rows: readonly R[], uses: ReadonlyMap<string, number>): R[] {
  const rated = rows.map((row) => {
    const counts = pairsOf(row).map((pair) => uses.get(pair) ?? 0);
    const unused = counts.filter((count) => count === 0).length;
    return { row, unused, used: counts.reduce((sum, count) => sum + count, 0) };
  });
  return rated.toSorted((a, b) => b.unused - a.unused || a.used - b.used).map(({ row }) => row);
}
