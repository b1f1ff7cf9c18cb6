/**
 * The file of allowed signers that `ssh-keygen -Y verify` reads (ssh-keygen(1), "ALLOWED SIGNERS"), one a line:
 *
 * ```text
 * principals [options] key-type base64 [comment]
 * ```
 *
 * Principals and values of options may be quoted. Of the options only `namespaces` is understood here.
 */
import { HoldfastError } from "../../errors.ts";
import { decodePublicKeyLine, encodePublicKeyLine, type Ed25519PublicKey } from "./public-key.ts";

export interface AllowedSigner {
  /** Who signs with the key. For `ssh-keygen` a list of patterns, here just a name. */
  readonly principal: string;
  /** Patterns of what the key may sign as; undefined for everything. */
  readonly namespaces: readonly string[] | undefined;
  readonly key: Ed25519PublicKey;
}

const FIELD = /^((?:"[^"]*"|[^\s"])+)\s+(.*)$/;
const OPTION = /^([a-z-]+)(?:="([^"]*)")?(?:,|$)/i;
const KEY_TYPE = /^(ssh-|ecdsa-|sk-)\S+$/;

/**
 * All Ed25519 keys of the file. Keys of other types are left out: none of our signatures can be theirs. Throws
 * "allowed-signers-unusable" for a line that is not understood, since a restriction in it must not be overlooked.
 */
export function decodeAllowedSigners(text: string): readonly AllowedSigner[] {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.flatMap((line, index) => {
    if (line === "" || line.startsWith("#")) return [];
    return decodeLine(line, index + 1) ?? [];
  });
}

function decodeLine(line: string, number: number): AllowedSigner | undefined {
  const [principal, afterPrincipal] = splitField(line, number);
  const [second, afterSecond] = splitField(afterPrincipal, number);
  const hasOptions = !KEY_TYPE.test(second);
  const keyLine = hasOptions ? afterSecond : afterPrincipal;
  const namespaces = hasOptions ? decodeOptions(second, number) : undefined;
  if (!keyLine.startsWith("ssh-ed25519")) {
    if (KEY_TYPE.test(keyLine.split(/\s/)[0]!)) return undefined;
    throw unusable(number, "no public key in it");
  }
  return { principal: principal.replaceAll('"', ""), namespaces, key: decodeKey(keyLine, number) };
}

/** The first field of a line, its quotes included, and what follows it. */
function splitField(line: string, number: number): readonly [string, string] {
  const [, field, rest] = FIELD.exec(line) ?? [];
  if (field === undefined) throw unusable(number, "it is not complete");
  return [field, rest!];
}

function decodeOptions(field: string, number: number): readonly string[] | undefined {
  let namespaces: readonly string[] | undefined;
  for (let rest = field; rest !== "";) {
    const [whole, name, value] = OPTION.exec(rest) ?? [];
    if (whole === undefined || name!.toLowerCase() !== "namespaces" || value === undefined)
      throw unusable(number, `the option "${name ?? rest}" is not understood`);
    namespaces = value.split(",");
    rest = rest.slice(whole.length);
  }
  return namespaces;
}

function decodeKey(line: string, number: number): Ed25519PublicKey {
  try {
    const { key } = decodePublicKeyLine(line);
    if (key.type === "ssh-ed25519") return key;
  } catch (error) {
    throw unusable(number, (error as Error).message);
  }
  throw unusable(number, "its key is of another type than it says");
}

function unusable(line: number, what: string): HoldfastError {
  return new HoldfastError(
    "allowed-signers-unusable",
    `line ${line} of the allowed signers: ${what}`,
  );
}

/** Whether the key may sign as `namespace`. Patterns have `*` and `?`; one with `!` in front forbids what it matches. */
export function maySignAs({ namespaces }: AllowedSigner, namespace: string): boolean {
  if (namespaces === undefined) return true;
  const matching = namespaces.filter((one) => matches(one.replace(/^!/, ""), namespace));
  return matching.length > 0 && !matching.some((one) => one.startsWith("!"));
}

function matches(pattern: string, text: string): boolean {
  const literal = pattern.replaceAll(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${literal.replaceAll("*", ".*").replaceAll("?", ".")}$`).test(text);
}

/**
 * A line for a key that may sign in one namespace only.
 *
 * @param principal letters, digits and . _ - @
 */
export function encodeAllowedSigner(
  principal: string,
  namespace: string,
  key: Ed25519PublicKey,
): string {
  return `${principal} namespaces="${namespace}" ${encodePublicKeyLine(key, "")}`;
}
