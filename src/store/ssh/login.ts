/** How to log in to a server by SSH: whom to be, with which key, and which server to believe. */
import { join } from "node:path";
import type { AnyAuthMethod, ParsedKey } from "ssh2";
import { StoreFailure } from "../failure.ts";
import { readGivenFile } from "../given-file.ts";
import { knownKeys, type KnownKey } from "./known-hosts.ts";
import type { StoreLocation } from "../store.ts";

export interface SshLogin {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** The known_hosts file, and what it holds for this server. */
  readonly knownHosts: string;
  readonly known: readonly KnownKey[];
  /** Tried in this order. */
  readonly methods: readonly AnyAuthMethod[];
}

/** Of `parseKey` of ssh2. */
type ParseKey = (data: Buffer, passphrase?: Buffer) => ParsedKey | Error;

const USUAL_KEYS = ["id_ed25519", "id_ecdsa", "id_rsa"];

/** Reads keys and known_hosts. Throws "store-misconfigured" for what is missing or cannot be read. */
export async function sshLogin(location: StoreLocation, parseKey: ParseKey): Promise<SshLogin> {
  const { host, port = 22 } = location;
  const user = sshUser(location);
  const knownHosts = knownHostsFile(location);
  const known = await readKnownHosts(knownHosts);
  return {
    host,
    port,
    user,
    knownHosts,
    known: knownKeys(known, host, port),
    methods: await loginMethods(location, user, parseKey),
  };
}

/** The user of the URL, or the one who runs us. */
export function sshUser({ user, env }: StoreLocation): string {
  const found = user ?? (env["USER"] || env["LOGNAME"]);
  if (found) return found;
  throw misconfigured("the URL names no user, and there is none in USER", "write user@host");
}

/** The known_hosts file to use; it need not exist. */
export function knownHostsFile({ parameters, env }: StoreLocation): string {
  return parameters.get("knownHosts") ?? join(sshFolder(env), "known_hosts");
}

function sshFolder(env: StoreLocation["env"]): string {
  return join(env["HOME"] || "/", ".ssh");
}

/** Nothing when there is no such file: then no server is known. */
async function readKnownHosts(path: string): Promise<string> {
  try {
    return (await readGivenFile(path)).toString("latin1");
  } catch (error) {
    const { code } = (error as Error).cause as NodeJS.ErrnoException;
    if (code === "ENOENT") return "";
    throw error;
  }
}

async function loginMethods(
  { parameters, env }: StoreLocation,
  username: string,
  parseKey: ParseKey,
): Promise<AnyAuthMethod[]> {
  const identity = parameters.get("identityFile");
  if (identity !== undefined) {
    const passphraseFile = parameters.get("passphraseFile");
    const key = await readKey(identity, passphraseFile, parseKey);
    return [{ type: "publickey", username, key }];
  }
  if (parameters.has("passphraseFile"))
    throw misconfigured(
      "passphraseFile is given, but no key that it belongs to",
      "add identityFile=/path/to/key, or leave it out: an agent needs none",
    );
  // what is set to nothing is not set
  const agent = env["SSH_AUTH_SOCK"] || undefined;
  const methods: AnyAuthMethod[] = agent === undefined ? [] : [{ type: "agent", username, agent }];
  for (const name of USUAL_KEYS) {
    const key = await readKey(join(sshFolder(env), name), undefined, parseKey).catch(
      () => undefined,
    );
    if (key !== undefined) methods.push({ type: "publickey", username, key });
  }
  if (methods.length > 0) return methods;
  throw misconfigured(
    "there is no key to log in with: no agent, and none in ~/.ssh that opens without a passphrase",
    "add ?identityFile=/path/to/key, or start an agent (SSH_AUTH_SOCK)",
  );
}

async function readKey(
  path: string,
  passphraseFile: string | undefined,
  parseKey: ParseKey,
): Promise<ParsedKey> {
  const passphrase = passphraseFile === undefined ? undefined : await readLine(passphraseFile);
  const parsed = parseKey(await readGivenFile(path), passphrase);
  // a public key would parse too
  if (!(parsed instanceof Error) && parsed.isPrivateKey()) return parsed;
  const why = parsed instanceof Error ? parsed.message : "it is a public key";
  throw misconfigured(
    `cannot use the key "${path}": ${why}`,
    `give the private key with identityFile=, and the file with its passphrase with passphraseFile=; a key in another format than OpenSSH's is rewritten by: ssh-keygen -p -f "${path}"`,
  );
}

/** The file's first line. */
async function readLine(path: string): Promise<Buffer> {
  const bytes = await readGivenFile(path);
  const end = bytes.indexOf("\n");
  const line = end < 0 ? bytes : bytes.subarray(0, end);
  return line.at(-1) === 0x0d ? line.subarray(0, -1) : line;
}

function misconfigured(message: string, hint: string): StoreFailure {
  return new StoreFailure("store-misconfigured", message, { hint });
}
