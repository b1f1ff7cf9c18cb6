/** The keys of a new repository, as files: what opens, who is sealed to, who signs, whose signatures count. */
import { encodeAllowedSigner } from "../format/ssh/allowed-signers.ts";
import { now } from "../io/clock.ts";
import { generateIdentity } from "../seal/identity.ts";
import { NAMESPACE } from "../seal/signature.ts";
import { generateSigningKey } from "../seal/signing-key.ts";
import { kitText, type KitPlace } from "./recovery-kit.ts";
import { isoTime } from "./stamp.ts";

/** As the allowed signers call our key. */
const PRINCIPAL = "holdfast";

/** New keys, drawn now, and the recovery kit. Text by file name. */
export async function createKeySet(place: KitPlace): Promise<ReadonlyMap<string, string>> {
  const { identity, recipient } = await generateIdentity();
  const created = isoTime(now().getTime());
  const signing = generateSigningKey(`holdfast ${place.cluster} ${created}`);
  const allowedSigners = encodeAllowedSigner(PRINCIPAL, NAMESPACE, signing.key);
  return new Map([
    ["identity.txt", identity],
    ["recipients.txt", `# holdfast ${place.cluster} ${created}\n${recipient}\n`],
    ["signing-key", signing.privateKey],
    ["signing-key.pub", signing.publicKey],
    ["allowed-signers", `${allowedSigners}\n`],
    [
      "recovery-kit.md",
      kitText(place, { identity, allowedSigners, created, principal: PRINCIPAL }),
    ],
  ]);
}
