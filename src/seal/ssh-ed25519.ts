/** Stanzas for SSH's Ed25519 keys (filippo.io/age/agessh): X25519, mixed with a number that is made of the public key. */
import { Stanza } from "age-encryption";
import { fromBase64Unpadded, toBase64Unpadded } from "../format/base64.ts";
import { concatBytes } from "../format/bytes.ts";
import type { Ed25519PrivateKey } from "../format/ssh/private-key.ts";
import type { Ed25519PublicKey } from "../format/ssh/public-key.ts";
import { deriveKey, unwrapKey, wrapKey } from "./key-wrap.ts";
import { generateEphemeral, multiply, pointOfEd25519, scalarOfEd25519 } from "./x25519.ts";

const TYPE = "ssh-ed25519";
const LABEL = "age-encryption.org/v1/ssh-ed25519";
const POINT_BYTES = 32;

/** Throws a plain Error for what is no point of the curve. */
export function checkEd25519({ point }: Ed25519PublicKey): void {
  if (pointOfEd25519(point) === undefined) throw new Error("it is no point of the curve");
}

/** @param tag of the public key, as stanzas have it */
export function wrapToEd25519(key: Ed25519PublicKey, tag: string, fileKey: Uint8Array): Stanza {
  const point = pointOfEd25519(key.point)!;
  const ephemeral = generateEphemeral();
  const secret = multiply(tweakOf(key.blob), multiply(ephemeral.scalar, point));
  const wrapped = wrapKey(fileKey, wrappingKey(secret, ephemeral.point, point));
  return new Stanza([TYPE, tag, toBase64Unpadded(ephemeral.point)], wrapped);
}

/** undefined when it was wrapped to another key of the same tag. Throws a plain Error for a stanza that is malformed. */
export function unwrapWithEd25519(
  key: Ed25519PrivateKey,
  blob: Uint8Array,
  { args, body }: Stanza,
): Uint8Array | undefined {
  const share = args.length === 3 ? fromBase64Unpadded(args[2]!) : undefined;
  if (share?.length !== POINT_BYTES) throw new Error(`malformed ${TYPE} stanza`);
  const scalar = scalarOfEd25519(key.seed);
  const secret = multiply(tweakOf(blob), multiply(scalar, share));
  scalar.fill(0);
  return unwrapKey(body, wrappingKey(secret, share, pointOfEd25519(key.point)!));
}

function tweakOf(blob: Uint8Array): Uint8Array {
  return deriveKey(new Uint8Array(0), blob, LABEL);
}

function wrappingKey(secret: Uint8Array, share: Uint8Array, point: Uint8Array): Uint8Array {
  return deriveKey(secret, concatBytes([share, point]), LABEL);
}
