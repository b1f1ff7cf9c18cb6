import { lookup } from "node:dns/promises";
import { isIP, SocketAddress } from "node:net";

/** The first address of a host name, or of an address in any spelling, as the system resolves it. */
export async function lookUpHost(host: string, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const stop = () => reject(signal.reason);
  signal.addEventListener("abort", stop);
  try {
    // The system's resolver cannot be stopped; nobody has to wait for it.
    return oneSpelling((await Promise.race([lookup(host), aborted])).address);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Of an address that has a zone, the zone would get lost. */
function oneSpelling(address: string): string {
  const hasSeveral = isIP(address) === 6 && !address.includes("%");
  return hasSeveral ? new SocketAddress({ address, family: "ipv6" }).address : address;
}
