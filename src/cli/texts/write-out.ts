/**
 * The output of `snapshot status` and `hashkv FILE`, byte for byte that of etcdutl 3.6 and 3.7 in every
 * `--write-out` mode (etcdutl/printer*.go). The two differ only in the lines of the table: ours are 3.6's ASCII, as
 * the guides show it and scripts parse it, unless the reader is a terminal that knows UTF-8.
 */
import { Option } from "commander";
import { HoldfastError } from "../../errors.ts";
import type { HashKV, SnapshotStatus } from "../../inspect/report.ts";
import { toJson } from "../../io/json.ts";
import type { Context } from "../context.ts";
import { humanSize } from "./size.ts";
import { drawTable } from "./table.ts";

const MODES = ["simple", "json", "fields", "table"] as const;
export type WriteOut = (typeof MODES)[number];

/** `-w, --write-out`. The modes that etcd's tools refuse after their work are refused before it, with their status. */
export function writeOutOption(): Option {
  return new Option("-w, --write-out <format>", "output format")
    .choices(MODES)
    .default("simple")
    .argParser(parseWriteOut);
}

function parseWriteOut(mode: string): WriteOut {
  const found = MODES.find((known) => known === mode);
  if (found !== undefined) return found;
  throw new HoldfastError(
    "unsupported-output",
    mode === "protobuf"
      ? "protobuf not supported as output format"
      : `unsupported output format ${JSON.stringify(mode)}`,
    { hint: `use one of ${MODES.join(", ")}` },
  );
}

/** What a result looks like in all modes. */
export interface Printable {
  /** Headers of the table, and its rows; `simple` joins the cells of a row by a comma and a blank. */
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** One record a row; a blank line between them. */
  readonly fields: readonly (readonly (readonly [name: string, value: unknown])[])[];
  readonly json: unknown;
}

/** The text of a result, its last newline included. */
export function writeOut(result: Printable, mode: WriteOut, lines: "ascii" | "box"): string {
  switch (mode) {
    case "simple":
      return result.rows.map((row) => `${row.join(", ")}\n`).join("");
    case "json":
      return `${toJson(result.json)}\n`;
    case "fields":
      return result.fields.map(fieldLines).join("\n");
    case "table":
      return drawTable(result.header, result.rows, lines);
  }
}

function fieldLines(record: Printable["fields"][number]): string {
  return record.map(([name, value]) => `"${name}" : ${value}\n`).join("");
}

/** Box lines only for a terminal whose locale says UTF-8. */
export function tableLines({ stdout, env }: Pick<Context, "stdout" | "env">): "ascii" | "box" {
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "";
  return stdout.isTTY === true && /utf-?8/i.test(locale) ? "box" : "ascii";
}

/** `snapshot status`. The hash is hexadecimal without padding in simple and table, decimal elsewhere. */
export function printableStatus(status: SnapshotStatus): Printable {
  const { hash, revision, totalKey, totalSize, version } = status;
  return {
    header: ["hash", "revision", "total keys", "total size", "version"],
    rows: [[hash.toString(16), String(revision), String(totalKey), humanSize(totalSize), version]],
    fields: [
      [
        ["Hash", hash],
        ["Revision", revision],
        ["Keys", totalKey],
        ["Size", totalSize],
        ["Version", version],
      ],
    ],
    json: { hash, revision, totalKey, totalSize, version },
  };
}

/** `hashkv FILE`: decimal everywhere; a compact revision of -1 means none. */
export function printableHashKV({ hash, revision, compactRevision }: HashKV): Printable {
  return {
    header: ["hash", "hash revision", "compact revision"],
    rows: [[String(hash), String(revision), String(compactRevision)]],
    fields: [
      [
        ["Hash", hash],
        ["Hash revision", revision],
        ["Compact revision", compactRevision],
      ],
    ],
    json: { hash, hashRevision: revision, compactRevision },
  };
}
