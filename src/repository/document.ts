/**
 * The small JSON documents of a repository, as bytes. Whoever can write to the store can write anything into them:
 * sizes and depths are bounded before anything is parsed, and every failure says which document it is about.
 */
import { createHash } from "node:crypto";
import type { z } from "zod";
import { HoldfastError } from "../errors.ts";
import type { Store, Waiting } from "../store/store.ts";

/** No document is longer. */
export const MOST_DOCUMENT_BYTES = 64 << 10;
const MOST_DEPTH = 16;
/** An Ed25519 signature with its armor has less than 400 bytes; one of RSA would have 2000. */
export const MOST_SIGNATURE_BYTES = 4 << 10;

/** A document's bytes: fields in the order of its schema, two blanks a level, a newline at the end. */
export function encodeDocument<S extends z.ZodType>(
  schema: S,
  value: z.input<S>,
  what: string,
): Uint8Array {
  const bytes = new TextEncoder().encode(`${JSON.stringify(schema.parse(value), null, 2)}\n`);
  if (bytes.length <= MOST_DOCUMENT_BYTES) return bytes;
  throw invalid(what, `it would have ${bytes.length} bytes, ${MOST_DOCUMENT_BYTES} are allowed`);
}

/**
 * Reads a document. Fields that the schema does not know are passed over. Throws "document-invalid", or
 * "format-newer" when its `version` is above `version`.
 *
 * @param what names it in messages
 */
export function decodeDocument<S extends z.ZodType>(
  schema: S,
  bytes: Uint8Array,
  { what, version }: { readonly what: string; readonly version: number },
): z.output<S> {
  const value = parseBounded(bytes, what);
  refuseNewer(value, what, version);
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalid(what, describe(result.error));
}

export function invalid(what: string, why: string): HoldfastError {
  return new HoldfastError("document-invalid", `cannot use ${what}: ${why}`);
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function parseBounded(bytes: Uint8Array, what: string): unknown {
  if (bytes.length > MOST_DOCUMENT_BYTES)
    throw invalid(what, `it has ${bytes.length} bytes, ${MOST_DOCUMENT_BYTES} are allowed`);
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    if (isTooDeep(text)) throw new SyntaxError(`it is nested deeper than ${MOST_DEPTH} levels`);
    return JSON.parse(text);
  } catch (error) {
    throw invalid(what, error instanceof SyntaxError ? shortened(error.message) : "it is no UTF-8");
  }
}

/** One walk over the text: an expression that skips strings would take quadratic time on one that never ends. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  let isString = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (isString && character === "\\") at++;
    else if (character === '"') isString = !isString;
    else if (!isString && (character === "[" || character === "{")) depth++;
    else if (!isString && (character === "]" || character === "}")) depth--;
    if (depth > MOST_DEPTH) return true;
  }
  return false;
}

function refuseNewer(value: unknown, what: string, version: number): void {
  const found = (value as { version?: unknown } | null)?.version;
  if (typeof found !== "number" || !(found > version)) return;
  throw new HoldfastError(
    "format-newer",
    `${what} has version ${found}, this Holdfast reads ${version}`,
    {
      hint: "use a newer Holdfast for this repository",
    },
  );
}

/** Of all that is wrong the first: its place and what was wanted, never the value. */
function describe({ issues }: z.ZodError): string {
  const [first] = issues;
  if (first === undefined) return "it does not follow its format";
  const path = first.path.map(String).join(".");
  return shortened(`${path === "" ? "" : `${path}: `}${first.message}`);
}

function shortened(text: string): string {
  const line = text.replaceAll(/\s+/g, " ");
  return line.length <= 200 ? line : `${line.slice(0, 199)}…`;
}

/** All bytes of a small object. Throws "object-missing", and "document-invalid" for a longer one than `most`. */
export async function readSmallObject(
  store: Store,
  key: string,
  { most, signal }: Waiting & { readonly most: number },
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of store.get(key, { length: most + 1, signal })) {
    length += piece.length;
    if (length > most) throw invalid(`"${key}"`, `it has more than the ${most} bytes allowed`);
    pieces.push(piece.slice());
  }
  return Buffer.concat(pieces, length);
}

/**
 * Stores a small object under a new name. Throws "object-exists" when something else lies there; the very same bytes are
 * those of an attempt of ours whose answer was lost.
 */
export async function putSmallObject(
  store: Store,
  key: string,
  bytes: Uint8Array,
  { signal }: Waiting,
): Promise<void> {
  async function* body(): AsyncGenerator<Uint8Array> {
    yield bytes;
  }
  try {
    await store.put(key, body(), { ifAbsent: true, sizeHint: bytes.length, signal });
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== "object-exists") throw error;
    const info = await store.stat(key, { signal });
    if (info?.size !== bytes.length) throw error;
    const found = await readSmallObject(store, key, { most: bytes.length, signal });
    if (sha256Of(found) !== sha256Of(bytes)) throw error;
  }
}
