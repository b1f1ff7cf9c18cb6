/** Base64 in its one canonical spelling: any other spelling of the same bytes is refused. */

/** With padding, on one line. */
export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** The bytes of one padded line; undefined for anything that `toBase64` would not have written. */
export function fromBase64(text: string): Uint8Array | undefined {
  const binary = decoded(text);
  if (binary === undefined || btoa(binary) !== text) return undefined;
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

function decoded(text: string): string | undefined {
  try {
    return atob(text);
  } catch {
    return undefined;
  }
}

/** Without padding, as age and SSH fingerprints have it. */
export function toBase64Unpadded(bytes: Uint8Array): string {
  return toBase64(bytes).replace(/=+$/, "");
}

/** The bytes of one line without padding; undefined for any other spelling. */
export function fromBase64Unpadded(text: string): Uint8Array | undefined {
  if (text.includes("=")) return undefined;
  return fromBase64(text.padEnd(Math.ceil(text.length / 4) * 4, "="));
}
