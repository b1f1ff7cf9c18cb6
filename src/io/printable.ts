/**
 * Text from outside made safe for a terminal: control characters but newlines become `\x..`. Names, keys and answers
 * may hold anything.
 */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, (found) => {
    return `\\x${found.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
