/**
 * The header of an age file (age-encryption.org/v1, "Encrypted file format"), strictly as it is specified.
 *
 * ```text
 * age-encryption.org/v1 LF
 * -> type [argument]... LF          one stanza a recipient
 * base64 of 48 bytes LF             as often as it takes
 * base64 of 0 to 47 bytes LF
 * --- base64 of the MAC's 32 bytes LF
 * ```
 *
 * The payload begins right behind it.
 */
import { HoldfastError } from "../../errors.ts";
import { fromBase64Unpadded } from "../base64.ts";
import { concatBytes } from "../bytes.ts";

/** How every age file begins; the line feed belongs to it. */
export const AGE_MAGIC = "age-encryption.org/v1\n";
/** Some 150 post-quantum recipients, or 2500 others. */
export const MOST_HEADER_BYTES = 256 << 10;

const BODY_LINE_BYTES = 48;
const MAC_BYTES = 32;

/** One recipient's way to the file key. */
export interface Stanza {
  /** The type first. Without blanks, printable ASCII. */
  readonly args: readonly string[];
  readonly body: Uint8Array;
}

export interface AgeHeader {
  readonly stanzas: readonly Stanza[];
  /** Bytes up to the payload. */
  readonly length: number;
}

/**
 * The header that `bytes` begin with; undefined when they are too few to hold all of it. Throws "sealed-damaged", also
 * for a header of more than `MOST_HEADER_BYTES`. The MAC is not verified: that takes the file key.
 */
export function parseAgeHeader(bytes: Uint8Array): AgeHeader | undefined {
  const lines = new Lines(bytes);
  const magic = lines.next();
  if (magic === undefined) return undefined;
  if (`${magic}\n` !== AGE_MAGIC) throw damaged(0, "it does not begin like an age file");
  const stanzas: Stanza[] = [];
  for (;;) {
    const at = lines.offset;
    const line = lines.next();
    if (line === undefined) return undefined;
    if (!line.startsWith("-> ")) return conclude(line, at, { stanzas, length: lines.offset });
    const body = readBody(lines);
    if (body === undefined) return undefined;
    stanzas.push({ args: readArguments(line, at), body });
  }
}

function conclude(line: string, at: number, header: AgeHeader): AgeHeader {
  const mac = line.startsWith("--- ") ? fromBase64Unpadded(line.slice(4)) : undefined;
  if (mac?.length !== MAC_BYTES) throw damaged(at, "neither a stanza nor the MAC");
  if (header.stanzas.length === 0) throw damaged(at, "there is no stanza");
  return header;
}

function readArguments(line: string, at: number): readonly string[] {
  const args = line.slice(3).split(" ");
  if (args.some((arg) => !/^[!-~]+$/.test(arg))) throw damaged(at, "a stanza with bad arguments");
  return args;
}

function readBody(lines: Lines): Uint8Array | undefined {
  const parts: Uint8Array[] = [];
  for (;;) {
    const at = lines.offset;
    const line = lines.next();
    if (line === undefined) return undefined;
    const part = fromBase64Unpadded(line);
    if (part === undefined || part.length > BODY_LINE_BYTES)
      throw damaged(at, "a stanza's body is not base64");
    parts.push(part);
    if (part.length < BODY_LINE_BYTES) return concatBytes(parts);
  }
}

const LINE_FEED = 10;

/** Lines of ASCII, as far as they are whole. */
class Lines {
  readonly #bytes: Uint8Array;
  offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes.subarray(0, MOST_HEADER_BYTES);
  }

  next(): string | undefined {
    const end = this.#bytes.indexOf(LINE_FEED, this.offset);
    if (end === -1) return this.#unfinished();
    let line = "";
    for (const byte of this.#bytes.subarray(this.offset, end)) line += String.fromCharCode(byte);
    this.offset = end + 1;
    return line;
  }

  #unfinished(): undefined {
    if (this.#bytes.length === MOST_HEADER_BYTES)
      throw damaged(this.offset, `it goes on beyond ${MOST_HEADER_BYTES} bytes`);
  }
}

function damaged(offset: number, what: string): HoldfastError {
  return new HoldfastError(
    "sealed-damaged",
    `the age header is damaged at byte ${offset}: ${what}`,
  );
}
