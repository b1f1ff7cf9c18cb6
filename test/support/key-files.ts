/** Keys in files, as `holdfast init` leaves them. */
import { writeFile } from "node:fs/promises";
import { encodeAllowedSigner } from "../../src/format/ssh/allowed-signers.ts";
import { generateIdentity } from "../../src/seal/identity.ts";
import { parseRecipients, type Recipients } from "../../src/seal/recipients.ts";
import type { Signer } from "./repository.ts";
import { scratch, type Scratch } from "./scratch.ts";

export interface KeyFiles extends Scratch {
  readonly identity: string;
  readonly signingKey: string;
  readonly allowedSigners: string;
  /** Of the identity. */
  readonly recipients: Recipients;
}

/** Files for a new identity and this signer, in a folder that goes away with them. */
export async function keyFiles(signer: Signer): Promise<KeyFiles> {
  const folder = await scratch();
  const paths = {
    identity: folder.file("identity.txt"),
    signingKey: folder.file("signing-key"),
    allowedSigners: folder.file("allowed-signers"),
  };
  const { identity, recipient } = await generateIdentity();
  const { name, allowed, privateKey } = signer;
  await writeFile(paths.identity, identity, { mode: 0o600 });
  await writeFile(paths.signingKey, privateKey, { mode: 0o600 });
  await writeFile(paths.allowedSigners, `${encodeAllowedSigner(name, "holdfast", allowed.key)}\n`);
  const content = new TextEncoder().encode(recipient);
  return {
    ...folder,
    ...paths,
    recipients: await parseRecipients({ name: "recipients", content }),
  };
}
