import { createHash } from "node:crypto";
import type { Identity, Recipient, Stanza } from "age-encryption";
import { toBase64Unpadded } from "../format/base64.ts";
import type { SshPrivateKey } from "../format/ssh/private-key.ts";
import type { SshPublicKey } from "../format/ssh/public-key.ts";
import { checkEd25519, unwrapWithEd25519, wrapToEd25519 } from "./ssh-ed25519.ts";
import { checkRsa, unwrapWithRsa, wrapToRsa } from "./ssh-rsa.ts";

/** What a stanza says of whose it is: 4 bytes of the public key's SHA-256. */
function tagOf(key: SshPublicKey): string {
  return toBase64Unpadded(createHash("sha256").update(key.blob).digest().subarray(0, 4));
}

/** One that typage takes. Throws a plain Error with the reason for a key that nothing can be sealed to. */
export function sshRecipient(key: SshPublicKey): Recipient {
  const tag = tagOf(key);
  if (key.type === "ssh-rsa") {
    checkRsa(key);
    return { wrapFileKey: (fileKey) => [wrapToRsa(key, tag, fileKey)] };
  }
  checkEd25519(key);
  return { wrapFileKey: (fileKey) => [wrapToEd25519(key, tag, fileKey)] };
}

/** One that typage takes. `unlock` is called only for a file that was sealed to this very key. */
export function sshIdentity(key: SshPublicKey, unlock: () => Promise<SshPrivateKey>): Identity {
  const tag = tagOf(key);
  const isOurs = ({ args }: Stanza): boolean => args[0] === key.type && args[1] === tag;
  return {
    async unwrapFileKey(stanzas) {
      const ours = stanzas.filter(isOurs);
      const privateKey = ours.length > 0 ? await unlock() : undefined;
      for (const stanza of ours) {
        const fileKey = unwrap(privateKey!, key.blob, stanza);
        if (fileKey !== undefined) return fileKey;
      }
      return null;
    },
  };
}

function unwrap(key: SshPrivateKey, blob: Uint8Array, stanza: Stanza): Uint8Array | undefined {
  return key.type === "ssh-rsa" ? unwrapWithRsa(key, stanza) : unwrapWithEd25519(key, blob, stanza);
}
