/** Whole age files as streams. */
import { AGE_MAGIC, parseAgeHeader } from "../format/age/header.ts";
import { PAYLOAD_NONCE_BYTES } from "../format/age/stream.ts";
import { concatBytes } from "../format/bytes.ts";
import { randomKey } from "../io/random.ts";
import { HoldfastError } from "../errors.ts";
import { makeAgeHeader, openAgeHeader, type AgeIdentity, type AgeRecipient } from "./age-header.ts";
import type { Inlet } from "./inlet.ts";
import { openPayload, payloadKey, sealPayload } from "./payload.ts";

export async function* sealAge(
  input: AsyncIterable<Uint8Array>,
  recipients: readonly AgeRecipient[],
): AsyncGenerator<Uint8Array, void, undefined> {
  const { bytes, fileKey } = await makeAgeHeader(recipients);
  const nonce = randomKey(PAYLOAD_NONCE_BYTES);
  const key = payloadKey(fileKey, nonce);
  fileKey.fill(0);
  yield concatBytes([bytes, nonce]);
  yield* sealPayload(input, key);
}

/** Whether bytes begin like an age file. */
export function beginsAgeFile(start: Uint8Array): boolean {
  return Buffer.from(start.subarray(0, AGE_MAGIC.length)).toString("latin1") === AGE_MAGIC;
}

/** What an age file holds, none of it before it is authenticated. Throws as `openAgeHeader` and `openPayload` do. */
export async function* openAge(
  inlet: Inlet,
  identities: readonly AgeIdentity[],
): AsyncGenerator<Uint8Array, void, undefined> {
  const header = await readHeader(inlet);
  const fileKey = await openAgeHeader(header, identities);
  const nonce = await inlet.peek(PAYLOAD_NONCE_BYTES);
  if (nonce.length < PAYLOAD_NONCE_BYTES) throw cutShort("after its header");
  const key = payloadKey(fileKey, nonce.subarray(0, PAYLOAD_NONCE_BYTES));
  fileKey.fill(0);
  inlet.drop(PAYLOAD_NONCE_BYTES);
  yield* openPayload(inlet.rest(), key);
}

/** The header's bytes; what follows it is left. */
async function readHeader(inlet: Inlet): Promise<Uint8Array> {
  for (let wanted = AGE_MAGIC.length; ;) {
    const seen = await inlet.peek(wanted);
    const header = parseAgeHeader(seen);
    if (header !== undefined) {
      inlet.drop(header.length);
      return seen.subarray(0, header.length);
    }
    if (seen.length < wanted) throw cutShort("inside its header");
    wanted = seen.length + 1;
  }
}

function cutShort(where: string): HoldfastError {
  return new HoldfastError("sealed-damaged", `the age file ends ${where}`);
}
