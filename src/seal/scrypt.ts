/** Passphrases as age's recipients: the stanza `scrypt`, which stands alone in its header. */
import { scrypt, type ScryptOptions } from "node:crypto";
import { promisify } from "node:util";
import { Stanza, type Identity, type Recipient } from "age-encryption";
import { fromBase64Unpadded, toBase64Unpadded } from "../format/base64.ts";
import { concatBytes, textBytes } from "../format/bytes.ts";
import { randomKey } from "../io/random.ts";
import { HoldfastError } from "../errors.ts";
import { unwrapKey, wrapKey } from "./key-wrap.ts";

const TYPE = "scrypt";
const LABEL = textBytes("age-encryption.org/v1/scrypt");
const SALT_BYTES = 16;
/** 2^18 blocks: about a second and 256 MiB, as stock age has it. */
const WORK_FACTOR = 18;
/** Opening takes memory for it before anything is authenticated: 1 GiB. */
const MOST_WORK_FACTOR = 20;

/** One that typage takes. */
export function scryptRecipient(passphrase: string): Recipient {
  return {
    async wrapFileKey(fileKey) {
      const salt = randomKey(SALT_BYTES);
      const key = await stretch(passphrase, salt, WORK_FACTOR);
      const args = [TYPE, toBase64Unpadded(salt), String(WORK_FACTOR)];
      return [new Stanza(args, wrapKey(fileKey, key))];
    },
  };
}

/** One that typage takes. `ask` is called only for a file that was sealed to a passphrase. */
export function scryptIdentity(ask: () => Promise<string>): Identity {
  return {
    async unwrapFileKey(stanzas) {
      const stanza = stanzas.find(({ args }) => args[0] === TYPE);
      if (stanza === undefined) return null;
      if (stanzas.length > 1) throw new Error("a passphrase beside other recipients");
      const { salt, workFactor } = readArguments(stanza);
      const key = await stretch(await ask(), salt, workFactor);
      const fileKey = unwrapKey(stanza.body, key);
      if (fileKey !== undefined) return fileKey;
      throw new HoldfastError("identity-unusable", "the passphrase does not open it");
    },
  };
}

function readArguments({ args }: Stanza): { salt: Uint8Array; workFactor: number } {
  const [, saltText = "", factor = ""] = args;
  const salt = fromBase64Unpadded(saltText);
  if (args.length !== 3 || salt?.length !== SALT_BYTES || !/^[1-9][0-9]?$/.test(factor))
    throw new Error("malformed scrypt stanza");
  const workFactor = Number(factor);
  if (workFactor > MOST_WORK_FACTOR)
    throw new Error(`a scrypt work factor of ${workFactor}, wanted at most ${MOST_WORK_FACTOR}`);
  return { salt, workFactor };
}

const stretched = promisify<string, Uint8Array, number, ScryptOptions, Buffer>(scrypt);

function stretch(passphrase: string, salt: Uint8Array, workFactor: number): Promise<Uint8Array> {
  const N = 2 ** workFactor;
  const options = { N, r: 8, p: 1, maxmem: 128 * 8 * N + (1 << 20) };
  return stretched(passphrase, concatBytes([LABEL, salt]), 32, options);
}
