/** From a URL to a store. The only importer of drivers: each, and the SDK it needs, is loaded when it is asked for. */
import type { Log } from "../io/log.ts";
import { StoreFailure } from "./failure.ts";
import { parseLocation } from "./location.ts";
import { USUAL_PERSISTENCE, type Persistence } from "./retry.ts";
import type { Driver, Scheme, Store, StoreLocation } from "./store.ts";

const DRIVERS: Partial<Readonly<Record<Scheme, () => Promise<Driver>>>> = {
  file: async () => (await import("./file.ts")).fileDriver,
};

export interface OpenOptions {
  /** Where drivers look for credentials. */
  readonly env: StoreLocation["env"];
  readonly log: Log;
  /** How long to keep trying; `USUAL_PERSISTENCE` when left out. */
  readonly persistence?: Persistence;
}

/**
 * Opens the store that `url` names. Nothing is asked of it yet, so that it may not be there. Throws "store-url" for a
 * URL that cannot be used, "store-misconfigured" for what its driver needs and lacks.
 */
export async function openStore(url: string, options: OpenOptions): Promise<Store> {
  const { env, log, persistence = USUAL_PERSISTENCE } = options;
  const location = parseLocation(url, env);
  const load = DRIVERS[location.scheme];
  if (load === undefined)
    throw new StoreFailure("store-unsupported", `there is no driver for ${location.scheme}:// yet`);
  const driver = await load();
  return driver(location, { log, persistence });
}
