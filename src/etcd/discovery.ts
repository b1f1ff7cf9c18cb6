import { Resolver } from "node:dns/promises";
import type { SrvRecord } from "node:dns";
import { HoldfastError } from "../errors.ts";
import { createPatience, unlessAborted } from "../io/patience.ts";

/** Where to find a cluster's endpoints in the DNS. */
export interface Discovery {
  readonly domain: string;
  /** The suffix of the service names, as etcd's `--discovery-srv-name`; "" for none. */
  readonly serviceName: string;
  /** Whether endpoints without TLS are taken too. */
  readonly acceptPlain: boolean;
}

export interface DiscoveryOptions {
  /** How long the name servers may stay silent. */
  readonly noProgressMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Asks the system's name servers when left out. */
  readonly resolver?: Pick<Resolver, "resolveSrv" | "cancel">;
}

export interface Discovered {
  /** `https://host:port` first, then `http://host:port`; by priority and weight among each. */
  readonly endpoints: readonly string[];
  /** Found, but without TLS, and so not to be used. */
  readonly ignored: readonly string[];
}

/**
 * The endpoints that the SRV records _etcd-client-ssl._tcp and _etcd-client._tcp of a domain name.
 * Throws "connection-failed" when neither can be found.
 */
export async function discoverEndpoints(
  discovery: Discovery,
  options: DiscoveryOptions,
): Promise<Discovered> {
  const { domain, serviceName, acceptPlain } = discovery;
  const { noProgressMs, signal: outer, resolver = new Resolver() } = options;
  const suffix = serviceName === "" ? "" : `-${serviceName}`;
  const late = () => notFound(domain, `no answer within ${noProgressMs / 1000} s`);
  using patience = createPatience(noProgressMs, outer, late);
  patience.start();
  const { signal } = patience;
  const cancel = () => resolver.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  const [secure, plain] = await unlessAborted(
    Promise.allSettled([
      resolver.resolveSrv(`_etcd-client-ssl${suffix}._tcp.${domain}`),
      resolver.resolveSrv(`_etcd-client${suffix}._tcp.${domain}`),
    ]),
    signal,
  );
  if (secure.status === "rejected" && plain.status === "rejected")
    throw notFound(domain, (secure.reason as Error).message);
  const found = { secure: urls("https", secure), plain: urls("http", plain) };
  return acceptPlain
    ? { endpoints: [...found.secure, ...found.plain], ignored: [] }
    : { endpoints: found.secure, ignored: found.plain };
}

function urls(scheme: string, answer: PromiseSettledResult<SrvRecord[]>): string[] {
  if (answer.status === "rejected") return [];
  return answer.value
    .toSorted((a, b) => a.priority - b.priority || b.weight - a.weight)
    .map(({ name, port }) => `${scheme}://${name.replace(/\.$/, "")}:${port}`);
}

function notFound(domain: string, reason: string): HoldfastError {
  return new HoldfastError(
    "connection-failed",
    `cannot find the endpoints of "${domain}" in the DNS: ${reason}`,
    { hint: `check it with: dig SRV _etcd-client-ssl._tcp.${domain}` },
  );
}
