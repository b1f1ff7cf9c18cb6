import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { now } from "../io/clock.ts";

export interface NewIdentity {
  /** A stock age identity file, as `age-keygen` writes it. A secret: mode 0600. */
  readonly identity: string;
  /** What can be known to everybody: `age1…`. */
  readonly recipient: string;
}

/** A new X25519 identity and its recipient. */
export async function generateIdentity(): Promise<NewIdentity> {
  const secret = await generateX25519Identity();
  const recipient = await identityToRecipient(secret);
  const created = now().toISOString().replace(/\.\d+/, "");
  const lines = [`# created: ${created}`, `# public key: ${recipient}`, secret, ""];
  return { identity: lines.join("\n"), recipient };
}
