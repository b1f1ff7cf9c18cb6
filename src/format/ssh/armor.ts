/** Text around binary data: dashes, a label, base64 in lines of 70 columns as OpenSSH writes it. */
import { fromBase64, toBase64 } from "../base64.ts";

const COLUMNS = 70;

/** Ends with a line feed. */
export function encodeArmor(label: string, bytes: Uint8Array): string {
  const lines = toBase64(bytes).match(new RegExp(`.{1,${COLUMNS}}`, "g")) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

/** The bytes of armor with lines of any length, and anything before and behind it; undefined when there is none. */
export function decodeArmor(label: string, text: string): Uint8Array | undefined {
  const begin = `-----BEGIN ${label}-----`;
  const start = text.indexOf(begin);
  const end = text.indexOf(`-----END ${label}-----`, start);
  if (start === -1 || end === -1) return undefined;
  return fromBase64(text.slice(start + begin.length, end).replaceAll(/\s/g, ""));
}
