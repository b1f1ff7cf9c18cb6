import { isIP } from "node:net";
import { basename } from "node:path";
import { HoldfastError } from "../errors.ts";

/** Where one member serves its clients. */
export interface Endpoint {
  /** As it was given: for messages. */
  readonly text: string;
  /** The same for the gRPC library. */
  readonly target: string;
  /** The same as a server is told it: `host:port`. */
  readonly authority: string;
  /** The same for sockets. */
  readonly address: { readonly host: string; readonly port: number } | { readonly path: string };
  /** The name or address that the server's certificate has to hold for. */
  readonly certificateName: string;
  /** "either": TLS if any TLS setting is given, as etcdctl does for `host:port` and `unix://`. */
  readonly transport: "tls" | "plain" | "either";
}

const DEFAULT_PORT = 2379;
const TRANSPORTS = {
  http: "plain",
  https: "tls",
  unix: "either",
  unixs: "tls",
} as const satisfies Record<string, Endpoint["transport"]>;

/**
 * Reads `http://host:port`, `https://host:port`, `host:port` (an IPv6 address in brackets), `unix:///path` and
 * `unixs:///path`. Without a port, 2379. As for etcdctl the case of the scheme does not matter, nor does what follows
 * the port of a URL. Throws "usage".
 */
export function parseEndpoint(endpoint: string): Endpoint {
  const text = endpoint.trim();
  const [, given, rest] = /^([a-z]+):\/\/(.*)$/is.exec(text) ?? [];
  const scheme = given?.toLowerCase();
  if (scheme === undefined) {
    const [, path] = /^unixs?:(.+)$/.exec(text) ?? [];
    if (path === undefined) return networkEndpoint(text, text, "either");
    return socketEndpoint(text, path, text.startsWith("unixs:") ? "tls" : "either");
  }
  const transport = Object.hasOwn(TRANSPORTS, scheme)
    ? TRANSPORTS[scheme as keyof typeof TRANSPORTS]
    : undefined;
  if (transport === undefined) throw unusable(text, `the scheme "${scheme}" is not known`);
  if (scheme.startsWith("unix")) return socketEndpoint(text, rest!, transport);
  return networkEndpoint(text, rest!.replace(/[/?#].*$/s, ""), transport);
}

function socketEndpoint(text: string, path: string, transport: Endpoint["transport"]): Endpoint {
  if (path === "") throw unusable(text, "the path of the socket is missing");
  const target = path.startsWith("/") ? `unix://${path}` : `unix:${path}`;
  const authority = "localhost";
  return { text, target, authority, address: { path }, certificateName: basename(path), transport };
}

function networkEndpoint(text: string, given: string, transport: Endpoint["transport"]): Endpoint {
  const [, bracketed, name, port] =
    /^(?:\[([^\]]+)\]|([^:@/?#\s[\]]+))(?::(\d{1,5}))?$/.exec(given) ?? [];
  const host = bracketed ?? name;
  if (host === undefined) throw unusable(text, reasonAgainst(given));
  if (bracketed !== undefined && isIP(bracketed) !== 6)
    throw unusable(text, `"${bracketed}" is not an IPv6 address`);
  const address = { host, port: port === undefined ? DEFAULT_PORT : Number(port) };
  if (address.port < 1 || address.port > 65535)
    throw unusable(text, `there is no port ${address.port}`);
  const authority = `${bracketed === undefined ? host : `[${host}]`}:${address.port}`;
  return { text, target: `dns:${authority}`, authority, address, certificateName: host, transport };
}

function reasonAgainst(authority: string): string {
  if (authority === "") return "the host is missing";
  if (isIP(authority) === 6 || /^[\da-f:]*:[\da-f]*:[\da-f:]*$/i.test(authority))
    return "an IPv6 address has to stand in brackets";
  if (authority.includes("@")) return "a user belongs into --user";
  if (authority.includes("/")) return "nothing may follow the port";
  return "it is not of the form host:port";
}

function unusable(text: string, reason: string): HoldfastError {
  const shown = text.replace(/\/\/[^/]*@/, "//***@");
  return new HoldfastError("usage", `cannot use the endpoint "${shown}": ${reason}`, {
    hint: "an endpoint is like https://10.0.0.1:2379, http://[::1]:2379, etcd-0.example:2379 or unix:///run/etcd.sock",
  });
}
