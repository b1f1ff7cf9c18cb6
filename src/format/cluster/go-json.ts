/** JSON as Go's encoding/json writes it: etcd stores such texts, and our bytes must be the same. */

const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

/** A string literal, quotes included. Beside what JSON demands, Go escapes <, >, & and the two line separators. */
export function goString(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what must be escaped
  const escaped = text.replace(/["\\\u0000-\u001f<>&\u2028\u2029]/g, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(4, "0");
    return SHORT[character] ?? `\\u${code}`;
  });
  return `"${escaped}"`;
}

/** An array of string literals, no blanks. */
export function goStrings(texts: readonly string[]): string {
  return `[${texts.map(goString).join(",")}]`;
}
