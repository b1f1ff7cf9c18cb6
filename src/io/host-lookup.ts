import { lookup } from "node:dns/promises";

/** The first address of a host name, or of an address in any spelling, as the system resolves it. */
export async function lookUpHost(host: string): Promise<string> {
  return (await lookup(host)).address;
}
