/** From a URL to a store. The only importer of drivers: each, and the SDK it needs, is loaded when it is asked for. */
import type { Log } from "../io/log.ts";
import { unlessAborted } from "../io/patience.ts";
import { StoreFailure } from "./failure.ts";
import { limited, type Limits } from "./limited.ts";
import { parseLocation } from "./location.ts";
import { logged } from "./logged.ts";
import { marked } from "./marked.ts";
import { USUAL_PERSISTENCE, type Persistence } from "./retry.ts";
import { retrying } from "./retrying.ts";
import type { Driver, Scheme, Store, StoreLocation } from "./store.ts";

const DRIVERS: Partial<Readonly<Record<Scheme, () => Promise<Driver>>>> = {
  file: async () => (await import("./file/file.ts")).fileDriver,
  azblob: async () => (await import("./azblob/azblob.ts")).azblobDriver,
  gs: async () => (await import("./gs/gs.ts")).gsDriver,
  s3: async () => (await import("./s3/s3.ts")).s3Driver,
  sftp: async () => (await import("./sftp/sftp.ts")).sftpDriver,
  rsync: async () => (await import("./rsync/rsync.ts")).rsyncDriver,
  "rsync+ssh": async () => (await import("./rsync/rsync.ts")).rsyncDriver,
};

export interface OpenOptions {
  /** Where drivers look for credentials. */
  readonly env: StoreLocation["env"];
  readonly log: Log;
  /** Ends the waiting for a file of keys or credentials that is a pipe. */
  readonly signal?: AbortSignal;
  /** How long to keep trying; `USUAL_PERSISTENCE` when left out. */
  readonly persistence?: Persistence;
  /** How fast; without limits when left out. */
  readonly limits?: Limits;
  /** The key of an object that the store must hold: puts and lists fail with "store-not-there" without it. */
  readonly marker?: string;
}

/**
 * Opens the store that `url` names. Nothing is asked of it yet, so that it may not be there. Throws "store-url" for a
 * URL that cannot be used, "store-misconfigured" for what its driver needs and lacks.
 */
export async function openStore(url: string, options: OpenOptions): Promise<Store> {
  const { log, persistence = USUAL_PERSISTENCE, limits = {}, marker } = options;
  const driven = await openDriver(url, options);
  const patient = retrying(driven, persistence, log);
  const right = marker === undefined ? patient : marked(patient, marker);
  return logged(limited(right, limits), log);
}

/** The driver's own store, as the wrappers get it: for the tests of drivers. */
export async function openDriver(
  url: string,
  { env, log, signal, persistence = USUAL_PERSISTENCE }: OpenOptions,
): Promise<Store> {
  const location = parseLocation(url, env);
  const load = DRIVERS[location.scheme];
  if (load === undefined)
    throw new StoreFailure("store-unsupported", `there is no driver for ${location.scheme}:// yet`);
  const driver = await load();
  const opening = driver(location, { log, persistence });
  return signal === undefined ? opening : unlessAborted(opening, signal);
}
