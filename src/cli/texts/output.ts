/** What our own commands print: text for people; JSON or YAML, the same document, for programs. */
import { Option } from "commander";
import { toJson } from "../../io/json.ts";

const FORMATS = ["text", "json", "yaml"] as const;
export type OutputFormat = (typeof FORMATS)[number];

/** `-o, --output`. */
export function outputOption(): Option {
  return new Option("-o, --output <format>", "output format").choices(FORMATS).default("text");
}

/**
 * A result in the format asked for, its last newline included.
 *
 * @param document what JSON and YAML hold; int64 are exact numbers
 * @param text the same for people, without the last newline
 */
export async function formatOutput(
  format: OutputFormat,
  document: unknown,
  text: () => string,
): Promise<string> {
  if (format === "text") return `${text()}\n`;
  if (format === "json") return `${toJson(document, 2)}\n`;
  const { stringify } = await import("yaml");
  return stringify(document, { lineWidth: 0 });
}
