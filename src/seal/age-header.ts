import { Decrypter, Encrypter, type Identity, type Recipient } from "age-encryption";
import { parseAgeHeader } from "../format/age/header.ts";
import { HoldfastError } from "../errors.ts";
import { Unanswered } from "./key-file.ts";

/** Who an age file is sealed to: a native recipient as text, or a plug for typage. */
export type AgeRecipient = string | Recipient;
/** What opens an age file: a native identity as text, or a plug for typage. */
export type AgeIdentity = string | Identity;

export interface NewHeader {
  /** Up to where the payload begins. */
  readonly bytes: Uint8Array;
  /** 16 bytes that the payload's key is made of. To be zeroed after use. */
  readonly fileKey: Uint8Array;
}

/**
 * A header for a new file. typage makes it together with a file that holds nothing; what it made as the file's key is
 * learned by a recipient of ours that leaves no stanza.
 */
export async function makeAgeHeader(recipients: readonly AgeRecipient[]): Promise<NewHeader> {
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  let fileKey = new Uint8Array(0);
  encrypter.addRecipient({
    wrapFileKey(key) {
      fileKey = Uint8Array.from(key);
      return [];
    },
  });
  const file = await encrypter.encrypt(new Uint8Array(0));
  return { bytes: file.slice(0, parseAgeHeader(file)!.length), fileKey };
}

/**
 * The file key of a whole header, its MAC verified. Throws "no-identity-matches", "sealed-damaged", and what an identity
 * throws that is missing its passphrase.
 */
export async function openAgeHeader(
  bytes: Uint8Array,
  identities: readonly AgeIdentity[],
): Promise<Uint8Array> {
  const types = parseAgeHeader(bytes)!.stanzas.map(({ args }) => args[0]!);
  const decrypter = new Decrypter();
  for (const identity of identities) decrypter.addIdentity(identity);
  // asked last, when no other could
  decrypter.addIdentity({
    unwrapFileKey() {
      throw noneMatches(types);
    },
  });
  try {
    return await decrypter.decryptHeader(bytes);
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    if (error instanceof Unanswered) throw error.cause;
    const what = `the age header is damaged: ${(error as Error).message}`;
    throw new HoldfastError("sealed-damaged", what);
  }
}

function noneMatches(types: readonly string[]): HoldfastError {
  const found = [...new Set(types)].join(", ");
  const what = `no given identity opens what is sealed to ${types.length} recipients (${found})`;
  return new HoldfastError("no-identity-matches", what);
}
