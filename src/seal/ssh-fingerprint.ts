import { createHash } from "node:crypto";
import { toBase64Unpadded } from "../format/base64.ts";
import type { SshPublicKey } from "../format/ssh/public-key.ts";

/** As `ssh-keygen -l` prints it. In a file of its own, since who only verifies needs nothing that seals. */
export function sshFingerprint(key: SshPublicKey): string {
  return `SHA256:${toBase64Unpadded(createHash("sha256").update(key.blob).digest())}`;
}
