/** Public keys of SSH: `ssh-ed25519` (RFC 8709) and `ssh-rsa` (RFC 4253, section 6.6). */
import { HoldfastError } from "../../errors.ts";
import { fromBase64, toBase64 } from "../base64.ts";
import { concatBytes } from "../bytes.ts";
import { WireReader, wireString } from "./wire.ts";

export type SshPublicKey = Ed25519PublicKey | RsaPublicKey;

export interface Ed25519PublicKey {
  readonly type: "ssh-ed25519";
  /** The wire form, which fingerprints are made of. */
  readonly blob: Uint8Array;
  /** 32 bytes. */
  readonly point: Uint8Array;
}

export interface RsaPublicKey {
  readonly type: "ssh-rsa";
  readonly blob: Uint8Array;
  /** Big endian, no zeros in front. */
  readonly exponent: Uint8Array;
  readonly modulus: Uint8Array;
}

const ED25519_BYTES = 32;

/** Throws "malformed-message", also for a key of another type. */
export function decodePublicKey(blob: Uint8Array): SshPublicKey {
  const reader = new WireReader(blob);
  const key = readKey(reader, blob);
  reader.end();
  return key;
}

function readKey(reader: WireReader, blob: Uint8Array): SshPublicKey {
  const type = reader.name();
  if (type === "ssh-ed25519") {
    const point = reader.string();
    if (point.length !== ED25519_BYTES) throw reader.damaged(`a key of ${point.length} bytes`);
    return { type, blob, point };
  }
  if (type === "ssh-rsa")
    return { type, blob, exponent: reader.integer(), modulus: reader.integer() };
  throw reader.damaged("a key of another type than ssh-ed25519 and ssh-rsa");
}

export function encodeEd25519PublicKey(point: Uint8Array): Uint8Array {
  return concatBytes([wireString("ssh-ed25519"), wireString(point)]);
}

/** A public key as files have it, on one line. */
export interface PublicKeyLine {
  readonly key: SshPublicKey;
  /** What follows the key; may be empty. */
  readonly comment: string;
}

/** `type base64 comment`, blanks between them. Throws "malformed-message", also for a key of another type. */
export function decodePublicKeyLine(line: string): PublicKeyLine {
  const [, type, base64, comment = ""] =
    /^(\S+)[ \t]+(\S+)(?:[ \t]+(.*))?$/.exec(line.trim()) ?? [];
  const blob = base64 === undefined ? undefined : fromBase64(base64);
  if (blob === undefined)
    throw new HoldfastError("malformed-message", "a line is no SSH public key");
  const key = decodePublicKey(blob);
  if (key.type !== type)
    throw new HoldfastError(
      "malformed-message",
      `an SSH public key of type ${key.type} says otherwise`,
    );
  return { key, comment };
}

/** Without a line feed; `comment` is one line. */
export function encodePublicKeyLine(key: SshPublicKey, comment: string): string {
  return `${key.type} ${toBase64(key.blob)} ${comment}`.trimEnd();
}
