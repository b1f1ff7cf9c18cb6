import { armor, Decrypter } from "age-encryption";
import type { PrivateKey } from "openpgp";
import { isSshKeyFile, type SshPrivateKey } from "../format/ssh/private-key.ts";
import { HoldfastError } from "../errors.ts";
import { beginsAgeFile, openAge } from "./age-file.ts";
import type { AgeIdentity } from "./age-header.ts";
import { openInlet } from "./inlet.ts";
import {
  keyLines,
  textOf,
  Unanswered,
  unusableKey,
  type AskPassphrase,
  type KeyFile,
} from "./key-file.ts";
import { holdsOpenPgpPrivateKeys, readOpenPgpIdentities } from "./openpgp-keys.ts";
import { scryptIdentity } from "./scrypt.ts";
import { parseSshKeyFile, unlockSshKey } from "./ssh-key-file.ts";
import { sshIdentity } from "./ssh-recipient.ts";

/** What sealed bytes are opened with. Keep it out of logs and errors. */
export interface Identities {
  readonly age: readonly AgeIdentity[];
  readonly openpgp: readonly PrivateKey[];
  readonly ask: AskPassphrase;
}

const CODE = "identity-unusable";

/**
 * The identities of files: age's (`AGE-SECRET-KEY-1…`, `AGE-SECRET-KEY-PQ-1…`), one a line; such a file sealed with a
 * passphrase, armored or not; an SSH private key in OpenSSH's format; OpenPGP private keys. Sealed files are opened at
 * once, keys that have a passphrase only when something was sealed to them. What was sealed with a passphrase alone is
 * opened by asking for it, without any file. Throws "identity-unusable", and what `ask` throws.
 */
export async function parseIdentities(
  files: readonly KeyFile[],
  ask: AskPassphrase,
): Promise<Identities> {
  const asking = untold(ask);
  const age: AgeIdentity[] = [];
  const openpgp: PrivateKey[] = [];
  for (const file of files) {
    if (holdsOpenPgpPrivateKeys(file)) openpgp.push(...(await readOpenPgpIdentities(file)));
    else age.push(...(await ageIdentities(file, asking)));
  }
  age.push(scryptIdentity(() => asking("what was sealed")));
  return { age, openpgp, ask };
}

/** What `ask` throws passes through typage, whose own errors speak of damage: it must not be taken for one of them. */
function untold(ask: AskPassphrase): AskPassphrase {
  return (what) =>
    ask(what).catch((cause: unknown) => {
      throw new Unanswered(cause);
    });
}

async function ageIdentities(file: KeyFile, ask: AskPassphrase): Promise<readonly AgeIdentity[]> {
  const text = textOf(file);
  if (isSshKeyFile(text)) return [lazySshIdentity(file, ask)];
  if (text.includes("PRIVATE KEY-----"))
    throw unusableKey(CODE, file, "it is a private key in another format than OpenSSH's", {
      hint: "`ssh-keygen -p -f FILE` writes it in OpenSSH's format",
    });
  if (beginsAgeFile(file.content)) return nativeIdentities(await openFile(file, file.content, ask));
  if (text.startsWith(ARMOR)) return nativeIdentities(await openFile(file, dearmored(file), ask));
  return nativeIdentities(file);
}

function lazySshIdentity(file: KeyFile, ask: AskPassphrase): AgeIdentity {
  const parsed = parseSshKeyFile(file, CODE);
  let unlocked: Promise<SshPrivateKey> | undefined;
  return sshIdentity(parsed.publicKey, () => (unlocked ??= unlockSshKey(file, parsed, ask, CODE)));
}

const ARMOR = "-----BEGIN AGE ENCRYPTED FILE-----";

function dearmored(file: KeyFile): Uint8Array {
  try {
    return armor.decode(textOf(file));
  } catch {
    throw unusableKey(CODE, file, "its armor is damaged");
  }
}

/** An identity file that was sealed with a passphrase. */
async function openFile(file: KeyFile, sealed: Uint8Array, ask: AskPassphrase): Promise<KeyFile> {
  const passphrase = scryptIdentity(() => ask(`the identity file "${file.name}"`));
  const parts: Uint8Array[] = [];
  try {
    const inlet = openInlet(once(sealed));
    for await (const part of openAge(inlet, [passphrase])) parts.push(part.slice());
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code === CODE) throw error;
    throw unusableKey(CODE, file, error.message);
  }
  return { name: file.name, content: Buffer.concat(parts) };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}

function nativeIdentities(file: KeyFile): readonly AgeIdentity[] {
  const identities = keyLines(file).map(({ line, number }) => {
    const unusable = (what: string): HoldfastError =>
      unusableKey(CODE, file, `line ${number}: ${what}`);
    if (line.startsWith("AGE-PLUGIN-")) throw unusable("an identity that needs a plugin of age");
    if (!line.startsWith("AGE-SECRET-KEY-")) throw unusable("no identity");
    try {
      new Decrypter().addIdentity(line);
    } catch {
      // its message would quote the key
      throw unusable("an identity that is mistyped");
    }
    return line;
  });
  if (identities.length === 0) throw unusableKey(CODE, file, "there is no identity in it");
  return identities;
}
