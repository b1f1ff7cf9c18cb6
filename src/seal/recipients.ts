import { createHash } from "node:crypto";
import { Encrypter } from "age-encryption";
import type { PublicKey } from "openpgp";
import { decodePublicKeyLine } from "../format/ssh/public-key.ts";
import type { AgeRecipient } from "./age-header.ts";
import { keyLines, textOf, unusableKey, type KeyFile } from "./key-file.ts";
import {
  holdsOpenPgpPrivateKeys,
  holdsOpenPgpPublicKeys,
  openPgpFingerprint,
  readOpenPgpRecipients,
} from "./openpgp-keys.ts";
import { scryptRecipient } from "./scrypt.ts";
import { sshFingerprint } from "./ssh-fingerprint.ts";
import { sshRecipient } from "./ssh-recipient.ts";

/** Who can open what is sealed. */
export type Recipients = AgeRecipients | OpenPgpRecipients | NoRecipients;

interface RecipientsOf {
  /** What the name of a sealed object ends with. */
  readonly suffix: ".age" | ".gpg" | "";
  /** A type and a short hash of each public key, for manifests and for people: nothing secret. */
  readonly fingerprints: readonly string[];
}

export interface AgeRecipients extends RecipientsOf {
  readonly kind: "age";
  readonly suffix: ".age";
  readonly members: readonly AgeRecipient[];
}

export interface OpenPgpRecipients extends RecipientsOf {
  readonly kind: "openpgp";
  readonly suffix: ".gpg";
  readonly keys: readonly PublicKey[];
}

export interface NoRecipients extends RecipientsOf {
  readonly kind: "none";
  readonly suffix: "";
}

/** Nothing is sealed. */
export const NO_RECIPIENTS: NoRecipients = { kind: "none", suffix: "", fingerprints: [] };

/** Whoever knows the passphrase. It stands alone, as age has it. */
export function passphraseRecipients(passphrase: string): AgeRecipients {
  const members = [scryptRecipient(passphrase)];
  return { kind: "age", suffix: ".age", fingerprints: ["passphrase"], members };
}

/**
 * The recipients of a file: age's (`age1…`, `age1pq1…`) and SSH public keys, one a line with comments between, or OpenPGP
 * public keys, armored or binary. Throws "recipients-unusable", also for post-quantum recipients beside others: whoever
 * breaks those would have the file.
 */
export async function parseRecipients(file: KeyFile): Promise<AgeRecipients | OpenPgpRecipients> {
  refuseSecrets(file);
  return holdsOpenPgpPublicKeys(file) ? openPgpRecipients(file) : ageRecipients(file);
}

function refuseSecrets(file: KeyFile): void {
  const isSecret = /AGE-SECRET-KEY-|-----BEGIN [A-Z ]*PRIVATE KEY/i.test(textOf(file));
  if (isSecret || holdsOpenPgpPrivateKeys(file))
    throw unusableKey(
      "recipients-unusable",
      file,
      "it holds a private key, which must not be here",
    );
}

async function openPgpRecipients(file: KeyFile): Promise<OpenPgpRecipients> {
  const keys = await readOpenPgpRecipients(file);
  const fingerprints = keys.map((key) => `openpgp:${openPgpFingerprint(key)}`);
  return { kind: "openpgp", suffix: ".gpg", fingerprints, keys };
}

/** One line of a file. */
interface Member {
  readonly recipient: AgeRecipient;
  readonly fingerprint: string;
  readonly isPostQuantum: boolean;
}

function ageRecipients(file: KeyFile): AgeRecipients {
  const members = new Map<string, Member>();
  for (const { line, number } of keyLines(file)) {
    try {
      const member = parseMember(line);
      members.set(member.fingerprint, member);
    } catch (error) {
      throw unusableKey("recipients-unusable", file, `line ${number}: ${(error as Error).message}`);
    }
  }
  const all = [...members.values()];
  if (all.length === 0)
    throw unusableKey("recipients-unusable", file, "there is no recipient in it");
  if (new Set(all.map(({ isPostQuantum }) => isPostQuantum)).size > 1)
    throw unusableKey("recipients-unusable", file, "post-quantum recipients stand beside others");
  return {
    kind: "age",
    suffix: ".age",
    fingerprints: all.map(({ fingerprint }) => fingerprint),
    members: all.map(({ recipient }) => recipient),
  };
}

/** Throws an error whose message does not quote the line. */
function parseMember(line: string): Member {
  if (line.startsWith("age1")) return parseAgeRecipient(line);
  if (!/^(ssh-|ecdsa-|sk-)/.test(line))
    throw new Error("neither an age recipient nor a public key");
  const { key } = decodePublicKeyLine(line);
  const fingerprint = `${key.type}:${sshFingerprint(key)}`;
  return { recipient: sshRecipient(key), fingerprint, isPostQuantum: false };
}

const POST_QUANTUM = "age1pq1";

function parseAgeRecipient(text: string): Member {
  const isPostQuantum = text.startsWith(POST_QUANTUM);
  // bech32 has no 1 in what follows the name
  if (!isPostQuantum && text.includes("1", "age1".length))
    throw new Error("a recipient that needs a plugin of age");
  try {
    new Encrypter().addRecipient(text);
  } catch {
    throw new Error("an age recipient that is mistyped");
  }
  const type = isPostQuantum ? "mlkem768x25519" : "x25519";
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 16);
  return { recipient: text, fingerprint: `${type}:${hash}`, isPostQuantum };
}
