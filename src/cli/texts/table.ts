/** The lines of a table: 3.6's tools draw in ASCII, 3.7's in box characters. */
interface Lines {
  readonly top: readonly [left: string, cross: string, right: string];
  readonly middle: readonly [left: string, cross: string, right: string];
  readonly bottom: readonly [left: string, cross: string, right: string];
  readonly horizontal: string;
  readonly vertical: string;
}

const ASCII: Lines = {
  top: ["+", "+", "+"],
  middle: ["+", "+", "+"],
  bottom: ["+", "+", "+"],
  horizontal: "-",
  vertical: "|",
};
const BOX: Lines = {
  top: ["┌", "┬", "┐"],
  middle: ["├", "┼", "┤"],
  bottom: ["└", "┴", "┘"],
  horizontal: "─",
  vertical: "│",
};

/**
 * A table as etcd's tools draw it: headers in capitals and centred (the odd blank to the right), cells right aligned.
 * Ends with a newline.
 */
export function drawTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  style: "ascii" | "box",
): string {
  const lines = style === "box" ? BOX : ASCII;
  const widths = columnWidths([header, ...rows]);
  const rule = ([left, cross, right]: readonly [string, string, string]): string =>
    left + widths.map((width) => lines.horizontal.repeat(width + 2)).join(cross) + right;
  const line = (cells: readonly string[]): string =>
    `${lines.vertical} ${cells.join(` ${lines.vertical} `)} ${lines.vertical}`;
  return [
    rule(lines.top),
    line(header.map((cell, column) => centred(cell.toUpperCase(), widths[column]!))),
    rule(lines.middle),
    ...rows.map((row) => line(row.map((cell, column) => cell.padStart(widths[column]!)))),
    rule(lines.bottom),
    "",
  ].join("\n");
}

function columnWidths(rows: readonly (readonly string[])[]): number[] {
  return rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
}

function centred(text: string, width: number): string {
  return text.padStart(text.length + Math.floor((width - text.length) / 2)).padEnd(width);
}

/**
 * Columns without lines, for our own commands: two blanks between them, `right` columns right aligned, nothing after
 * the last. A line each; none for no rows.
 */
export function alignColumns(
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string[] {
  if (rows.length === 0) return [];
  const widths = columnWidths(rows);
  return rows.map((row) =>
    row
      .map((cell, column) =>
        right.includes(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
      )
      .join("  ")
      .trimEnd(),
  );
}
