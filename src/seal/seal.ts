import { AGE_MAGIC } from "../format/age/header.ts";
import { abortable } from "../io/abortable.ts";
import { HoldfastError } from "../errors.ts";
import { beginsAgeFile, openAge, sealAge } from "./age-file.ts";
import type { Identities } from "./identities.ts";
import { openInlet } from "./inlet.ts";
import { beginsOpenPgpMessage, openOpenPgp, sealOpenPgp } from "./openpgp.ts";
import type { Recipients } from "./recipients.ts";

export interface SealOptions {
  readonly signal: AbortSignal;
}

/**
 * Encrypts to the recipients: an age file, an OpenPGP message, or for no recipients the bytes as they are. Memory is that
 * of a few pieces. The same input never gives the same output.
 */
export async function* seal(
  input: AsyncIterable<Uint8Array>,
  recipients: Recipients,
  { signal }: SealOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const pieces = abortable(input, signal);
  try {
    if (recipients.kind === "age") yield* sealAge(pieces, recipients.members);
    else if (recipients.kind === "openpgp") yield* sealOpenPgp(pieces, recipients.keys, signal);
    else yield* pieces;
  } finally {
    await pieces.return(undefined);
  }
}

export interface OpenOptions {
  readonly signal: AbortSignal;
  /**
   * The caller has read these very bytes before and found the SHA-256 that a verified signature promises. OpenPGP cannot be
   * opened without: its integrity is known only at its end, long after the first bytes have been handed out.
   */
  readonly digestChecked?: true;
}

/**
 * Decrypts an age file or an OpenPGP message, whichever it is. Of an age file no byte is handed out before it is
 * authenticated, and an end that comes too early throws. Throws "sealed-damaged", "no-identity-matches",
 * "identity-unusable", and what asking for a passphrase throws.
 */
export async function* open(
  input: AsyncIterable<Uint8Array>,
  identities: Identities,
  { signal, digestChecked }: OpenOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const pieces = abortable(input, signal);
  try {
    const inlet = openInlet(pieces);
    const start = await inlet.peek(AGE_MAGIC.length);
    if (beginsAgeFile(start)) yield* openAge(inlet, identities.age);
    else if (!beginsOpenPgpMessage(start)) throw unknownForm(start);
    else if (digestChecked !== true) throw notChecked();
    else yield* openOpenPgp(inlet.rest(), identities.openpgp, identities.ask, signal);
  } finally {
    await pieces.return(undefined);
  }
}

function unknownForm(start: Uint8Array): HoldfastError {
  const isArmored = Buffer.from(start).toString("latin1").startsWith("-----BEGIN");
  const what = isArmored ? "it is armored, wanted is the binary form" : "it begins like neither";
  return new HoldfastError("sealed-damaged", `no age file and no OpenPGP message: ${what}`);
}

function notChecked(): HoldfastError {
  const what = "an OpenPGP message is opened only when its digest has been compared before";
  return new HoldfastError("sealed-damaged", what);
}
