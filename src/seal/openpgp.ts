/** OpenPGP by openpgp.js, which is loaded only when it is needed: it is large. */
import { ReadableStream } from "node:stream/web";
import type { Key, PrivateKey, PublicKey, WebStream } from "openpgp";
import { HoldfastError } from "../errors.ts";
import { textOf, unusableKey, type AskPassphrase, type KeyFile } from "./key-file.ts";

type Library = typeof import("openpgp");

const load = (): Promise<Library> => import("openpgp");

/** What a file of OpenPGP keys begins with: armor, or a packet of that kind in the old or the new form. */
const PUBLIC = { label: "PGP PUBLIC KEY BLOCK", packetTag: 6 };
const SECRET = { label: "PGP PRIVATE KEY BLOCK", packetTag: 5 };

function holds(file: KeyFile, { label, packetTag }: typeof PUBLIC): boolean {
  return textOf(file).includes(`-----BEGIN ${label}-----`) || tagOf(file.content) === packetTag;
}

/** The tag of the packet that bytes begin with; undefined for other bytes (RFC 9580, section 4.2). */
function tagOf(bytes: Uint8Array): number | undefined {
  const first = bytes[0] ?? 0;
  if ((first & 0x80) === 0) return undefined;
  return (first & 0x40) === 0 ? (first >> 2) & 0x0f : first & 0x3f;
}

export const holdsOpenPgpPublicKeys = (file: KeyFile): boolean => holds(file, PUBLIC);
export const holdsOpenPgpPrivateKeys = (file: KeyFile): boolean => holds(file, SECRET);

/** Whether these first bytes are those of a message that is sealed to keys or passphrases. */
export function beginsOpenPgpMessage(start: Uint8Array): boolean {
  return [1, 3, 10].includes(tagOf(start) ?? 0);
}

async function readKeys(file: KeyFile, { label }: typeof PUBLIC): Promise<Key[]> {
  const { readKeys: read } = await load();
  const armor = new RegExp(`-----BEGIN ${label}-----[^]*?-----END ${label}-----`, "g");
  const blocks = textOf(file).match(armor);
  if (blocks === null) return read({ binaryKeys: file.content });
  return (await Promise.all(blocks.map((armoredKeys) => read({ armoredKeys })))).flat();
}

/** Public keys that can be encrypted to today. Throws "recipients-unusable". */
export async function readOpenPgpRecipients(file: KeyFile): Promise<readonly PublicKey[]> {
  const unusable = (what: string): HoldfastError => unusableKey("recipients-unusable", file, what);
  const keys = await readKeys(file, PUBLIC).catch((error: Error) => {
    throw unusable(error.message);
  });
  if (keys.length === 0) throw unusable("there is no key in it");
  for (const key of keys) {
    if (key.isPrivate()) throw unusable("it holds a private key, which must not be here");
    await key.getEncryptionKey().catch((error: Error) => {
      throw unusable(`nothing can be sealed to ${openPgpFingerprint(key)}: ${error.message}`);
    });
  }
  return keys;
}

/** As gpg prints it. */
export function openPgpFingerprint(key: PublicKey): string {
  return key.getFingerprint().toUpperCase();
}

/** Private keys, perhaps protected by passphrases. Throws "identity-unusable". */
export async function readOpenPgpIdentities(file: KeyFile): Promise<readonly PrivateKey[]> {
  const keys = await readKeys(file, SECRET).catch(() => {
    throw unusableKey("identity-unusable", file, "its OpenPGP keys cannot be read");
  });
  return keys.filter((key): key is PrivateKey => key.isPrivate());
}

/** An OpenPGP message, binary, not compressed, not signed: what gpg 2.2 reads. */
export async function* sealOpenPgp(
  input: AsyncIterable<Uint8Array>,
  keys: readonly PublicKey[],
): AsyncGenerator<Uint8Array, void, undefined> {
  const source = webSource(input);
  try {
    yield* await encryptStream(source.stream, keys);
  } catch (error) {
    throw source.failure === undefined ? error : source.failure.cause;
  }
}

async function encryptStream(
  stream: WebStream<Uint8Array>,
  keys: readonly PublicKey[],
): Promise<WebStream<Uint8Array>> {
  const { createMessage, encrypt, enums } = await load();
  const message = await createMessage({ binary: stream });
  const preferredCompressionAlgorithm = enums.compression.uncompressed;
  const config = { aeadProtect: false, preferredCompressionAlgorithm };
  return encrypt({ message, encryptionKeys: [...keys], format: "binary", config });
}

/**
 * What an OpenPGP message holds. It is handed out before its integrity is verified, which is at the end: the bytes must
 * have been compared with a digest before. Throws "no-identity-matches", "identity-unusable", "sealed-damaged".
 */
export async function* openOpenPgp(
  input: AsyncIterable<Uint8Array>,
  keys: readonly PrivateKey[],
  ask: AskPassphrase,
): AsyncGenerator<Uint8Array, void, undefined> {
  const source = webSource(input);
  try {
    yield* await decryptStream(source.stream, keys, ask);
  } catch (error) {
    if (source.failure !== undefined) throw source.failure.cause;
    if (error instanceof HoldfastError) throw error;
    const what = `the OpenPGP message is damaged: ${(error as Error).message}`;
    throw new HoldfastError("sealed-damaged", what);
  }
}

async function decryptStream(
  stream: WebStream<Uint8Array>,
  keys: readonly PrivateKey[],
  ask: AskPassphrase,
): Promise<WebStream<Uint8Array>> {
  const { readMessage, decrypt } = await load();
  const message = await readMessage({ binaryMessage: stream });
  const wanted = message.getEncryptionKeyIDs();
  const matching = keys.filter((key) => wanted.some((id) => key.getKeys(id).length > 0));
  if (matching.length === 0) throw noneMatches(wanted.length);
  const decryptionKeys = await Promise.all(matching.map((key) => unlock(key, ask)));
  const config = { allowUnauthenticatedStream: true };
  return (await decrypt({ message, decryptionKeys, format: "binary", config })).data;
}

interface WebSource {
  readonly stream: WebStream<Uint8Array>;
  /** What the input threw; openpgp.js makes another error of it. */
  failure: { readonly cause: unknown } | undefined;
}

/** An input as openpgp.js wants it. The pieces are copies, since it keeps them. */
function webSource(input: AsyncIterable<Uint8Array>): WebSource {
  const iterator = input[Symbol.asyncIterator]();
  const source: WebSource = {
    failure: undefined,
    stream: new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const next = await iterator.next().catch((cause: unknown) => {
            source.failure = { cause };
            throw cause;
          });
          if (next.done === true) controller.close();
          else controller.enqueue(next.value.slice());
        },
        async cancel() {
          await iterator.return?.();
        },
      },
      { highWaterMark: 0 },
    ) as WebStream<Uint8Array>,
  };
  return source;
}

function noneMatches(recipients: number): HoldfastError {
  const what = `no given OpenPGP key opens what is sealed to ${recipients} recipients`;
  return new HoldfastError("no-identity-matches", what);
}

async function unlock(key: PrivateKey, ask: AskPassphrase): Promise<PrivateKey> {
  if (key.isDecrypted()) return key;
  const name = `the OpenPGP key ${openPgpFingerprint(key)}`;
  const passphrase = await ask(name);
  const { decryptKey } = await load();
  return decryptKey({ privateKey: key, passphrase }).catch(() => {
    throw new HoldfastError("identity-unusable", `the passphrase does not open ${name}`);
  });
}
