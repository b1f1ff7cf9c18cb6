/**
 * Peer URLs as etcd takes them. Member ids are hashes of their text, so the text that comes out here has to be the one
 * that etcd would make of it.
 */
import { HoldfastError } from "../errors.ts";

export interface PeerURL {
  /** Scheme in lower case, the rest as it was given. */
  readonly text: string;
  /** "" for unix sockets. An IPv6 address without its brackets. */
  readonly host: string;
  readonly port: string;
}

const NETWORK = /^\/\/(\[[0-9A-Fa-f:.]+(?:%25[\w.~-]+)?\]|[\w.~-]*):([0-9]*)([/?#].*)?$/s;
const SOCKET = /^\/\/(?=.)[\w.~-]*(?::[0-9]*)?(?:\/[\w.~:@!$&'()*+,;=/-]*)?$/;

/** One URL: http or https with host and port and nothing more, or the path of a unix socket. */
export function parsePeerURL(given: string): PeerURL {
  const text = given.trim();
  const colon = text.indexOf(":");
  const scheme = text.slice(0, Math.max(colon, 0)).toLowerCase();
  const rest = text.slice(colon + 1);
  if (scheme === "http" || scheme === "https") return parseNetworkURL(text, scheme, rest);
  if (scheme !== "unix" && scheme !== "unixs")
    throw invalid(`URL scheme must be http, https, unix, or unixs: ${text}`);
  if (!SOCKET.test(rest)) throw invalid(`URL is not the path of a socket: ${text}`);
  return { text: `${scheme}:${rest}`, host: "", port: "" };
}

function parseNetworkURL(text: string, scheme: string, rest: string): PeerURL {
  const [, host, port, more] = NETWORK.exec(rest) ?? [];
  if (host === undefined || port === undefined)
    throw invalid(`URL address does not have the form "host:port": ${text}`);
  if (more !== undefined) throw invalid(`URL must not contain a path: ${text}`);
  const bare = host.startsWith("[") ? host.slice(1, -1).replace("%25", "%") : host;
  return { text: `${scheme}://${host}:${port}`, host: bare, port };
}

/** Several URLs, sorted by their text. */
export function parsePeerURLs(given: readonly string[]): PeerURL[] {
  return given.map(parsePeerURL).toSorted(byText);
}

export function byText(a: PeerURL, b: PeerURL): number {
  return a.text < b.text ? -1 : a.text > b.text ? 1 : 0;
}

function invalid(message: string): HoldfastError {
  return new HoldfastError("initial-cluster", message, {
    hint: "peer URLs look like http://10.0.0.1:2380 or https://etcd-1.example.com:2380",
  });
}
