/** Whether a server is the one that we know, and what to say when it is not. */
import { StoreFailure } from "../failure.ts";
import { fingerprint, knownHostName } from "./known-hosts.ts";
import type { SshLogin } from "./login.ts";

/** Names of signatures where they differ from that of the key. */
const ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  "ssh-ed25519": ["ssh-ed25519"],
  "ecdsa-sha2-nistp256": ["ecdsa-sha2-nistp256"],
  "ecdsa-sha2-nistp384": ["ecdsa-sha2-nistp384"],
  "ecdsa-sha2-nistp521": ["ecdsa-sha2-nistp521"],
  "ssh-rsa": ["rsa-sha2-512", "rsa-sha2-256"],
};

/** Kinds of keys to ask the server for: those we know; undefined when we know none. */
export function hostKeyAlgorithms({ known }: SshLogin): readonly string[] | undefined {
  const trusted = known.filter(({ revoked }) => !revoked);
  const wanted = [...new Set(trusted.flatMap(({ type }) => ALGORITHMS[type] ?? []))];
  return wanted.length === 0 ? undefined : wanted;
}

/** undefined when the server that shows this key is the right one. */
export function refuseHostKey(login: SshLogin, blob: Uint8Array): StoreFailure | undefined {
  const shown = login.known.filter((one) => Buffer.compare(one.blob, blob) === 0);
  if (shown.some(({ revoked }) => revoked))
    return refusal(login, `its key ${fingerprint(blob)} is marked as revoked`, "do not use it");
  if (shown.length > 0) return undefined;
  return login.known.length === 0 ? unknownHost(login, blob) : changedHost(login, blob);
}

/** For a server that has no key of a kind that we know. */
export function changedHost(login: SshLogin, blob?: Uint8Array): StoreFailure {
  const { known, host, port, knownHosts } = login;
  const wanted = known.map((one) => `${one.type} ${fingerprint(one.blob)}`).join(", ");
  const found = blob === undefined ? "no key of that kind" : fingerprint(blob);
  return refusal(
    login,
    `it shows ${found}, wanted ${wanted}: another server answers, or it was set up anew`,
    `find out which; for a new key: ssh-keygen -R "${knownHostName(host, port)}" -f "${knownHosts}"`,
  );
}

function unknownHost(login: SshLogin, blob: Uint8Array): StoreFailure {
  const { host, port, knownHosts } = login;
  return refusal(
    login,
    `its key ${fingerprint(blob)} is not in the file`,
    `compare the key with the server's own (ssh-keygen -lf), then: ssh-keyscan -p ${port} ${host} >> "${knownHosts}"`,
  );
}

function refusal({ host, port, knownHosts }: SshLogin, why: string, hint: string): StoreFailure {
  const server = knownHostName(host, port);
  const message = `cannot trust ${server} by "${knownHosts}": ${why}`;
  return new StoreFailure("store-misconfigured", message, { hint });
}
