/** V8 has it, the type library of ES2024 does not yet: a number literal of any length. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/**
 * A value as JSON: int64 as exact number literals (never rounded, as Go writes them), errors as their message.
 *
 * @param indent blanks per level; 0 for one line
 */
export function toJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, plainValue, indent);
}

function plainValue(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return rawJSON(value.toString());
  return value instanceof Error ? value.message : value;
}
