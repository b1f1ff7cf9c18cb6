/** The keys of servers as OpenSSH keeps them: the format of known_hosts in sshd(8). */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** A key that a known_hosts file holds for a server. */
export interface KnownKey {
  /** `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa` … */
  readonly type: string;
  /** As it goes over the wire. */
  readonly blob: Uint8Array;
  /** Marked as one that must never be trusted. */
  readonly revoked: boolean;
}

/** How known_hosts names a server: the host alone at port 22, else `[host]:port`. */
export function knownHostName(host: string, port: number): string {
  const plain = host.toLowerCase();
  return port === 22 ? plain : `[${plain}]:${port}`;
}

/**
 * The keys that stand in `text` for a server, in their order: plain, with wildcards, hashed. Lines that are none, and
 * certificate authorities, which we cannot check, are passed over.
 */
export function knownKeys(text: string, host: string, port: number): KnownKey[] {
  const name = knownHostName(host, port);
  return text.split("\n").flatMap((line) => keyOf(line, name) ?? []);
}

function keyOf(line: string, name: string): KnownKey | undefined {
  const fields = line.trim().split(/[ \t]+/);
  const marker = fields[0]?.startsWith("@") === true ? fields.shift() : undefined;
  const [hosts, type, encoded] = fields;
  if (hosts === undefined || type === undefined || encoded === undefined) return undefined;
  if (hosts.startsWith("#") || (marker !== undefined && marker !== "@revoked")) return undefined;
  if (!namesHost(hosts, name)) return undefined;
  return { type, blob: Buffer.from(encoded, "base64"), revoked: marker !== undefined };
}

function namesHost(hosts: string, name: string): boolean {
  if (hosts.startsWith("|1|")) return isHashOf(hosts, name);
  const patterns = hosts.toLowerCase().split(",");
  const isMatch = (pattern: string): boolean => matches(pattern, name);
  if (patterns.some((pattern) => pattern.startsWith("!") && isMatch(pattern.slice(1))))
    return false;
  return patterns.some(isMatch);
}

/** HMAC-SHA1 of the name: `|1|salt|hash`. */
function isHashOf(hosts: string, name: string): boolean {
  const [salt, hash] = hosts
    .slice(3)
    .split("|")
    .map((part) => Buffer.from(part, "base64"));
  if (salt === undefined || hash === undefined) return false;
  const wanted = createHmac("sha1", salt).update(name).digest();
  return wanted.length === hash.length && timingSafeEqual(wanted, hash);
}

/** `*` stands for any characters, `?` for one. In steps that the pattern's length bounds. */
function matches(pattern: string, name: string): boolean {
  let reached = new Set([0]);
  for (const char of pattern) {
    const next = new Set<number>();
    for (const at of reached) {
      if (char === "*") for (let to = at; to <= name.length; to++) next.add(to);
      else if (at < name.length && (char === "?" || char === name[at])) next.add(at + 1);
    }
    reached = next;
  }
  return reached.has(name.length);
}

/** How ssh prints a key: `SHA256:…`. */
export function fingerprint(blob: Uint8Array): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}
