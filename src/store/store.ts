/** What a store promises, whatever it is made of. It knows keys and bytes, nothing about backups. */
import type { Log } from "../io/log.ts";
import type { Persistence } from "./retry.ts";

/** An object at rest. */
export interface ObjectInfo {
  /** Segments separated by "/": letters, digits, and . _ - inside; never empty, never "." or "..". */
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970 by the store's clock, where it tells. For sweeping leftovers by age, never for order. */
  readonly modifiedMs: number | undefined;
  /** Until when it cannot be deleted, milliseconds since 1970. Only `stat` tells, and only where the store does. */
  readonly lockedUntilMs?: number | undefined;
}

/** What a store can do, as far as its driver knows or has asked. */
export interface Capabilities {
  /** A put with `ifAbsent` is refused by the store itself, atomically, when the key exists. */
  readonly conditionalPut: boolean;
  /** Objects can be locked against deletion, and are, as this store was opened. */
  readonly objectLock: boolean;
  /** Deleted objects stay as older versions until somebody removes those too. */
  readonly versioning: boolean;
}

export interface PutOptions {
  /** Fails with "object-exists" when the key is taken; nothing is ever overwritten without it either, by layout. */
  readonly ifAbsent?: boolean;
  /** Bytes to expect, where known: for the size of parts, never trusted. */
  readonly sizeHint?: number;
  readonly signal: AbortSignal;
}

export interface GetOptions {
  /** First byte, 0 when left out. */
  readonly offset?: number;
  /** Bytes at the most; to the end when left out. */
  readonly length?: number;
  readonly signal: AbortSignal;
}

export interface Waiting {
  readonly signal: AbortSignal;
}

/**
 * Where bytes rest. Durable before `put` resolves; read-after-write; no partial object is ever visible under its key.
 * Every call really stops when its signal aborts, and throws the signal's reason. Errors are HoldfastErrors: "object-exists",
 * "object-missing", "store-full", "store-refused" (with the permission's name where known), "store-unreachable",
 * "store-misconfigured" …; a driver marks those worth trying again (`failure.ts`).
 */
export interface Store extends AsyncDisposable {
  /** As it was opened, without secrets: safe to print. */
  readonly url: string;
  /** What this store can do; may ask the store, once. */
  capabilities(options: Waiting): Promise<Capabilities>;
  /**
   * Stores what `body` yields, of any length, in bounded memory. When `body` throws, or anything fails, nothing becomes
   * visible and nothing is left that costs money (parts are aborted). The yielded bytes may be reused after the next step.
   * A body that never goes on must not keep an aborted put alive (`io/abortable.ts`).
   */
  put(key: string, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<ObjectInfo>;
  /**
   * The object's bytes, or a part of them: nothing where the object ends before `offset`. "object-missing" when there
   * is none; a body that breaks off throws.
   */
  get(key: string, options: GetOptions): AsyncIterable<Uint8Array>;
  /** undefined when there is none. */
  stat(key: string, options: Waiting): Promise<ObjectInfo | undefined>;
  /** Every object whose key begins with `prefix`, in bytewise order of keys, page after page. */
  list(prefix: string, options: Waiting): AsyncIterable<ObjectInfo>;
  /** Removes the object; one that is not there is no error. "object-locked" when it may not be removed yet. */
  delete(key: string, options: Waiting): Promise<void>;
  /** Removes what interrupted puts left behind (multipart uploads, temporary files) that is older than `graceMs`. How many. */
  sweep(graceMs: number, options: Waiting): Promise<number>;
}

/** Makes a store of a parsed URL; the only way drivers are reached. `src/store/open.ts` is the only importer of drivers. */
export type Driver = (location: StoreLocation, tools: DriverTools) => Promise<Store>;

/** What a driver gets beside the place. */
export interface DriverTools {
  /** For attempts that failed and for what was chosen without being asked; never a secret. */
  readonly log: Log;
  /** How a put goes on after a failure, part by part. Calls that can be repeated as a whole are retried outside. */
  readonly persistence: Persistence;
}

export const SCHEMES = ["file", "s3", "gs", "azblob", "sftp", "rsync", "rsync+ssh"] as const;
export type Scheme = (typeof SCHEMES)[number];

/** A store's URL, taken apart and checked by `location.ts`: no secrets, no unknown parameters. */
export interface StoreLocation {
  /** As it was given. */
  readonly url: string;
  readonly scheme: Scheme;
  readonly user: string | undefined;
  /** Bucket (s3, gs), account (azblob) or host, without the brackets of an IPv6 address; "" for file. */
  readonly host: string;
  readonly port: number | undefined;
  /** Decoded, without a leading slash; for file an absolute path. */
  readonly path: string;
  /** camelCase names; only those that the driver declares. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Environment for credentials, read by the configuration and handed on, never printed. */
  readonly env: Readonly<Record<string, string | undefined>>;
}
