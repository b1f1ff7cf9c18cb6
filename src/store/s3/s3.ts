/** Objects in a bucket of S3, or of what speaks like it. */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
} from "@aws-sdk/client-s3";
import { now } from "../../io/clock.ts";
import { unlessAborted } from "../../io/patience.ts";
import { StoreFailure } from "../failure.ts";
import { isKey, requireKey, requirePrefix } from "../key.ts";
import { rangeHeader, wholeRange } from "../ranged.ts";
import { openBucket, type Bucket } from "./bucket.ts";
import { lacks } from "./failure.ts";
import { lookAt } from "./look.ts";
import { hasLocks, probe } from "./probe.ts";
import { putObject } from "./put.ts";
import { sweepUploads } from "./uploads.ts";
import type { Capabilities, Driver, GetOptions, ObjectInfo, Waiting } from "../store.ts";

/** `s3://bucket/prefix`, with parameters for everything that is not Amazon's own. */
export const s3Driver: Driver = async (location, tools) => {
  const bucket = await openBucket(location, tools);
  let known: Promise<Capabilities> | undefined;
  const forgotten = (error: unknown): never => {
    known = undefined;
    throw error;
  };
  const capabilities = ({ signal }: Waiting): Promise<Capabilities> =>
    unlessAborted((known ??= probe(bucket).catch(forgotten)), signal);
  return {
    url: location.url,
    capabilities,
    put: (key, body, options) => putObject(bucket, key, body, options),
    get: (key, options) => getObject(bucket, key, options),
    stat: (key, options) => statObject(bucket, key, options),
    list: (prefix, options) => listObjects(bucket, prefix, options),
    delete: (key, options) => deleteObject(bucket, key, options),
    sweep: (graceMs, options) => sweepUploads(bucket, graceMs, options),
    async [Symbol.asyncDispose]() {
      bucket[Symbol.dispose]();
    },
  };
};

async function* getObject(
  bucket: Bucket,
  key: string,
  { offset = 0, length = Infinity, signal }: GetOptions,
): AsyncIterable<Uint8Array> {
  requireKey(key);
  const doing = { what: `read "${key}"`, permission: "s3:GetObject" };
  const answer = await bucket.call(doing, signal, async (client, options) => {
    const range = rangeHeader(offset, length);
    const input = { ...target(bucket, key), ...bucket.customerKey, Range: range };
    return client.send(new GetObjectCommand(input), options).catch((error: unknown) => {
      if (isBeyondEnd(error)) return undefined;
      throw error;
    });
  });
  if (answer === undefined) return;
  const { Body, ContentRange, ContentLength } = answer;
  const pieces = Body as unknown as AsyncIterable<Uint8Array>;
  yield* wholeRange(
    { key, offset, length, signal, contentRange: ContentRange, contentLength: ContentLength },
    pieces,
  );
}

function isBeyondEnd(error: unknown): boolean {
  const { $metadata } = error as { $metadata?: { httpStatusCode?: number } };
  return $metadata?.httpStatusCode === 416;
}

async function statObject(
  bucket: Bucket,
  key: string,
  { signal }: Waiting,
): Promise<ObjectInfo | undefined> {
  requireKey(key);
  const found = await lookAt(bucket, key, "call", signal);
  if (found === undefined) {
    await requireBucket(bucket, signal);
    return undefined;
  }
  if (found.ContentLength === undefined) throw lacks(`cannot look at "${key}"`, "a length");
  const lockedUntilMs = found.ObjectLockRetainUntilDate?.getTime();
  return {
    key,
    size: found.ContentLength,
    modifiedMs: found.LastModified?.getTime(),
    ...(lockedUntilMs !== undefined && { lockedUntilMs }),
  };
}

/** An answer without a body cannot say whether it is the object or the bucket that is missing. */
async function requireBucket(bucket: Bucket, signal: AbortSignal): Promise<void> {
  const doing = { what: `use the bucket "${bucket.name}"`, permission: "s3:ListBucket" };
  try {
    await bucket.call(doing, signal, (client, options) =>
      client.send(new HeadBucketCommand({ Bucket: bucket.name }), options),
    );
  } catch (error) {
    if (!(error instanceof StoreFailure) || error.code !== "object-missing") throw error;
    const message = `cannot ${doing.what}: there is no bucket of this name`;
    const hint = "create it, or correct the name, the endpoint or the region";
    throw new StoreFailure("store-misconfigured", message, { hint, cause: error });
  }
}

async function* listObjects(
  bucket: Bucket,
  prefix: string,
  { signal }: Waiting,
): AsyncIterable<ObjectInfo> {
  requirePrefix(prefix);
  const doing = { what: `list "${prefix}"`, permission: "s3:ListBucket" };
  let token: string | undefined;
  do {
    const page = await bucket.call(doing, signal, (client, options) =>
      client.send(
        new ListObjectsV2Command({
          Bucket: bucket.name,
          Prefix: bucket.prefix + prefix,
          ContinuationToken: token,
        }),
        options,
      ),
    );
    for (const { Key = "", Size, LastModified } of page.Contents ?? []) {
      const key = Key.slice(bucket.prefix.length);
      if (!isKey(key)) continue;
      if (Size === undefined) throw lacks(`cannot ${doing.what}`, `the size of "${key}"`);
      signal.throwIfAborted();
      yield { key, size: Size, modifiedMs: LastModified?.getTime() };
    }
    if (page.IsTruncated === true && [undefined, "", token].includes(page.NextContinuationToken))
      throw lacks(`cannot ${doing.what}`, "where to go on");
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}

async function deleteObject(bucket: Bucket, key: string, { signal }: Waiting): Promise<void> {
  requireKey(key);
  const doing = { what: `delete "${key}"`, permission: "s3:DeleteObject" };
  // where there are versions, a delete of a locked object succeeds and only hides it
  const found =
    bucket.locks || (await hasLocks(bucket, signal))
      ? await statObject(bucket, key, { signal })
      : undefined;
  const until = found?.lockedUntilMs ?? 0;
  if (until > now().getTime())
    throw new StoreFailure(
      "object-locked",
      `cannot ${doing.what}: it is locked until ${new Date(until).toISOString()}`,
    );
  try {
    await bucket.call(doing, signal, (client, options) =>
      client.send(new DeleteObjectCommand(target(bucket, key)), options),
    );
  } catch (error) {
    if (!(error instanceof StoreFailure) || error.code !== "object-missing") throw error;
  }
}

function target(bucket: Bucket, key: string): { Bucket: string; Key: string } {
  return { Bucket: bucket.name, Key: bucket.prefix + key };
}
