/** Objects in a bucket of Google Cloud Storage. */
import { unlessAborted } from "../../io/patience.ts";
import { StoreFailure } from "../failure.ts";
import { openBucket, type Bucket } from "./bucket.ts";
import { putObject } from "./put.ts";
import type { Doing } from "./failure.ts";
import { isKey, requireKey, requirePrefix } from "../key.ts";
import { rangeHeader, wholeRange } from "../ranged.ts";
import type { Capabilities, Driver, GetOptions, ObjectInfo, Waiting } from "../store.ts";

/** `gs://bucket/prefix`. */
export const gsDriver: Driver = async (location, tools) => {
  const bucket = await openBucket(location, tools);
  let known: Promise<Capabilities> | undefined;
  const forgotten = (error: unknown): never => {
    known = undefined;
    throw error;
  };
  return {
    url: location.url,
    capabilities: ({ signal }) => unlessAborted((known ??= ask(bucket).catch(forgotten)), signal),
    put: (key, body, options) => putObject(bucket, key, body, options),
    get: (key, options) => getObject(bucket, key, options),
    stat: (key, options) => statObject(bucket, key, options),
    list: (prefix, options) => listObjects(bucket, prefix, options),
    delete: (key, options) => deleteObject(bucket, key, options),
    // uploads that nobody goes on with cannot be listed, cost nothing, and go by themselves after a week
    async sweep(_graceMs, { signal }) {
      signal.throwIfAborted();
      return 0;
    },
    async [Symbol.asyncDispose]() {
      bucket[Symbol.dispose]();
    },
  };
};

/** Who may not ask about the bucket is told the least that it can do. */
async function ask(bucket: Bucket): Promise<Capabilities> {
  const doing = { what: "ask about the bucket", permission: "storage.buckets.get" };
  const path = `/storage/v1/b/${bucket.name}?fields=versioning,retentionPolicy`;
  const { signal } = new AbortController();
  const json = await bucket.call(doing, signal, { method: "GET", path }).then(
    (answer) => answer.json,
    (error: unknown) => {
      if (error instanceof StoreFailure && error.code === "store-refused") return {};
      throw error;
    },
  );
  const { versioning, retentionPolicy } = json as {
    versioning?: { enabled?: boolean };
    retentionPolicy?: object;
  };
  return {
    conditionalPut: true,
    objectLock: retentionPolicy !== undefined,
    versioning: versioning?.enabled === true,
  };
}

async function* getObject(
  bucket: Bucket,
  key: string,
  { offset = 0, length = Infinity, signal }: GetOptions,
): AsyncIterable<Uint8Array> {
  requireKey(key);
  const doing = { what: `read "${key}"`, permission: "storage.objects.get" };
  const answer = await bucket.open(doing, signal, {
    method: "GET",
    path: `${pathOf(bucket, key)}?alt=media`,
    headers: { range: rangeHeader(offset, length) },
    accepts: [416],
  });
  if (answer.statusCode === 416) return void answer.resume();
  const { "content-range": contentRange, "content-length": given } = answer.headers;
  const contentLength = given === undefined ? undefined : Number(given);
  try {
    yield* wholeRange({ key, offset, length, signal, contentRange, contentLength }, answer);
  } finally {
    answer.destroy();
  }
}

interface GoogleObject {
  readonly name?: string;
  readonly size?: string;
  readonly updated?: string;
  readonly retentionExpirationTime?: string;
}

const FIELDS = "name,size,updated,retentionExpirationTime";

async function statObject(
  bucket: Bucket,
  key: string,
  { signal }: Waiting,
): Promise<ObjectInfo | undefined> {
  requireKey(key);
  const doing = { what: `look at "${key}"`, permission: "storage.objects.get" };
  const path = `${pathOf(bucket, key)}?fields=${FIELDS}`;
  try {
    const { json } = await bucket.call(doing, signal, { method: "GET", path });
    return infoOf(key, json, doing.what);
  } catch (error) {
    if (error instanceof StoreFailure && error.code === "object-missing") return undefined;
    throw error;
  }
}

async function* listObjects(
  bucket: Bucket,
  prefix: string,
  { signal }: Waiting,
): AsyncIterable<ObjectInfo> {
  requirePrefix(prefix);
  const doing: Doing = {
    what: `list "${prefix}"`,
    permission: "storage.objects.list",
    missing: "bucket",
  };
  const begin = encodeURIComponent(bucket.prefix + prefix);
  const base = `/storage/v1/b/${bucket.name}/o?prefix=${begin}&maxResults=1000&fields=items(${FIELDS}),nextPageToken`;
  for (let token = ""; ;) {
    const path = token === "" ? base : `${base}&pageToken=${encodeURIComponent(token)}`;
    const { json } = await bucket.call(doing, signal, { method: "GET", path });
    const { items = [], nextPageToken } = json as {
      items?: readonly GoogleObject[];
      nextPageToken?: string;
    };
    for (const item of items) {
      const key = (item.name ?? "").slice(bucket.prefix.length);
      signal.throwIfAborted();
      if (isKey(key)) yield infoOf(key, item, doing.what);
    }
    if (!nextPageToken) return;
    if (nextPageToken === token)
      throw new StoreFailure(
        "store-wrong-answer",
        `cannot ${doing.what}: it goes round in a circle`,
      );
    token = nextPageToken;
  }
}

async function deleteObject(bucket: Bucket, key: string, { signal }: Waiting): Promise<void> {
  requireKey(key);
  const doing = { what: `delete "${key}"`, permission: "storage.objects.delete" };
  try {
    await bucket.call(doing, signal, { method: "DELETE", path: pathOf(bucket, key) });
  } catch (error) {
    if (!(error instanceof StoreFailure) || error.code !== "object-missing") throw error;
  }
}

function infoOf(
  key: string,
  { size, updated, retentionExpirationTime }: GoogleObject,
  what: string,
): ObjectInfo {
  if (!/^\d+$/.test(size ?? ""))
    throw new StoreFailure(
      "store-wrong-answer",
      `cannot ${what}: the answer lacks the size of "${key}"`,
    );
  const modifiedMs = Date.parse(updated ?? "");
  const lockedUntilMs = Date.parse(retentionExpirationTime ?? "");
  return {
    key,
    size: Number(size),
    modifiedMs: Number.isNaN(modifiedMs) ? undefined : modifiedMs,
    ...(!Number.isNaN(lockedUntilMs) && { lockedUntilMs }),
  };
}

function pathOf(bucket: Bucket, key: string): string {
  return `/storage/v1/b/${bucket.name}/o/${encodeURIComponent(bucket.prefix + key)}`;
}
