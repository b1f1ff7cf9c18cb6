/** OpenPGP messages as streams, by openpgp.js, which is loaded only when it is needed: it is large. */
import type { PrivateKey, PublicKey } from "openpgp";
import { HoldfastError } from "../errors.ts";
import type { AskPassphrase } from "./key-file.ts";
import { Exchange } from "./openpgp-exchange.ts";
import { packetTag, unlockOpenPgpKey } from "./openpgp-keys.ts";

/** Packets that messages begin with when they are sealed: to a key, to a passphrase, and one without meaning. */
const FIRST_PACKETS: ReadonlySet<number> = new Set([1, 3, 10]);

/** Whether bytes begin like a sealed message. */
export function beginsOpenPgpMessage(start: Uint8Array): boolean {
  return FIRST_PACKETS.has(packetTag(start) ?? 0);
}

/** An OpenPGP message, binary, not compressed, not signed: what gpg 2.2 reads. */
export async function* sealOpenPgp(
  input: AsyncIterable<Uint8Array>,
  keys: readonly PublicKey[],
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { createMessage, encrypt, enums } = await import("openpgp");
  using exchange = new Exchange(input, signal, (error) => error);
  const message = await exchange.step(createMessage({ binary: exchange.stream }));
  const preferredCompressionAlgorithm = enums.compression.uncompressed;
  const config = { aeadProtect: false, preferredCompressionAlgorithm };
  const options = { message, encryptionKeys: [...keys], config };
  yield* exchange.drain(await exchange.step(encrypt({ ...options, format: "binary" })));
}

/**
 * What an OpenPGP message holds. It is handed out before its integrity is verified, which is at the end: the bytes must
 * have been compared with a digest before. Throws "no-identity-matches", "identity-unusable", "sealed-damaged".
 */
export async function* openOpenPgp(
  input: AsyncIterable<Uint8Array>,
  keys: readonly PrivateKey[],
  ask: AskPassphrase,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { readMessage, decrypt } = await import("openpgp");
  using exchange = new Exchange(input, signal, damaged);
  const message = await exchange.step(readMessage({ binaryMessage: exchange.stream }));
  const wanted = message.getEncryptionKeyIDs();
  const matching = keys.filter((key) => wanted.some((id) => key.getKeys(id).length > 0));
  if (matching.length === 0) throw noneMatches(wanted.length);
  const decryptionKeys: PrivateKey[] = [];
  for (const key of matching) decryptionKeys.push(await unlockOpenPgpKey(key, ask));
  const options = { message, decryptionKeys, config: { allowUnauthenticatedStream: true } };
  const { data } = await exchange.step(decrypt({ ...options, format: "binary" }));
  yield* exchange.drain(data);
}

function damaged({ message }: Error): HoldfastError {
  return new HoldfastError("sealed-damaged", `the OpenPGP message is damaged: ${message}`);
}

function noneMatches(recipients: number): HoldfastError {
  const what = `no given OpenPGP key opens what is sealed to ${recipients} recipients`;
  return new HoldfastError("no-identity-matches", what);
}
