import { lookup } from "node:dns/promises";

/** The first address of a host name, or of an address in any spelling, as the system resolves it. */
export async function lookUpHost(host: string, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const stop = () => reject(signal.reason);
  signal.addEventListener("abort", stop);
  try {
    // The system's resolver cannot be stopped; nobody has to wait for it.
    return (await Promise.race([lookup(host), aborted])).address;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
