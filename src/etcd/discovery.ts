import { Resolver } from "node:dns/promises";
import type { SrvRecord } from "node:dns";
import { HoldfastError } from "../errors.ts";
import type { Log } from "../io/log.ts";
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
  /** Hears of endpoints that are not used. */
  readonly log: Log;
  /** Asks the system's name servers when left out. */
  readonly resolver?: Pick<Resolver, "resolveSrv" | "cancel">;
}

/**
 * The endpoints that the SRV records _etcd-client-ssl._tcp and _etcd-client._tcp of a domain name: `https://host:port`
 * first, then `http://host:port`; by priority and weight among each. Throws "connection-failed" when there are none,
 * or none that may be used.
 */
export async function discoverEndpoints(
  discovery: Discovery,
  options: DiscoveryOptions,
): Promise<string[]> {
  const { domain, serviceName, acceptPlain } = discovery;
  const { noProgressMs, signal: outer, log, resolver = new Resolver() } = options;
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
  const [safe, unsafe] = [urls("https", secure), urls("http", plain)];
  if (acceptPlain) return [...safe, ...unsafe];
  if (safe.length === 0) throw notFound(domain, `none of them has TLS (${unsafe.join(", ")})`);
  for (const url of unsafe) log.warn(`the endpoint "${url}" is left out: it has no TLS`);
  return safe;
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
