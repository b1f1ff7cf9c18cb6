/** Objects in a bucket of S3, or of what speaks like it. */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  GetObjectLockConfigurationCommand,
  HeadBucketCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
  type ListMultipartUploadsCommandInput,
  type ListMultipartUploadsCommandOutput,
  type MultipartUpload,
  type PutObjectCommandOutput,
} from "@aws-sdk/client-s3";
import { now } from "../../io/clock.ts";
import { unlessAborted } from "../../io/patience.ts";
import { randomName } from "../../io/random.ts";
import { StoreFailure } from "../failure.ts";
import { isKey, requireKey, requirePrefix } from "../key.ts";
import { rangeHeader, wholeRange } from "../ranged.ts";
import { openBucket, type Bucket } from "./bucket.ts";
import { withDigest } from "./digest.ts";
import { lookAt } from "./look.ts";
import { putObject } from "./put.ts";
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

async function probe(bucket: Bucket): Promise<Capabilities> {
  const { signal } = new AbortController();
  const [lock, versioning] = await Promise.all([
    lockOf(bucket, signal),
    isVersioned(bucket, signal),
  ]);
  const objectLock = lock === "default" || (lock !== "none" && bucket.locks);
  const seen = await tryConditions(bucket, signal);
  return {
    conditionalPut: seen.conditionalPut,
    objectLock,
    versioning: versioning || seen.versioning,
  };
}

/**
 * Puts an empty object twice, under a name that is none of ours, then an upload, and takes it away again: some look at
 * the condition of a put, and not at that of an upload. What gets a version is in a bucket that has them.
 */
async function tryConditions(
  bucket: Bucket,
  signal: AbortSignal,
): Promise<Pick<Capabilities, "conditionalPut" | "versioning">> {
  const probed = { Bucket: bucket.name, Key: `${bucket.prefix}.probe-${randomName(16)}` };
  const empty = { ...probed, Body: new Uint8Array(0) };
  const putting = { what: "try a conditional put", permission: "s3:PutObject" };
  const put = async (): Promise<PutObjectCommandOutput | StoreFailure> => {
    try {
      return await withDigest(bucket, empty.Body, (digest) =>
        bucket.call(putting, signal, (client, options) =>
          client.send(new PutObjectCommand({ ...empty, ...digest, IfNoneMatch: "*" }), options),
        ),
      );
    } catch (error) {
      if (
        error instanceof StoreFailure &&
        /^(object-exists|store-refused|store-unsupported)$/.test(error.code)
      )
        return error;
      throw error;
    }
  };
  const first = await put();
  if (first instanceof StoreFailure) return { conditionalPut: false, versioning: false };
  const second = await put();
  const isRefused = second instanceof StoreFailure && second.code === "object-exists";
  const conditionalPut = isRefused && (await isUploadRefused(bucket, probed, signal));
  await bucket
    .call(
      { what: "delete what was tried", permission: "s3:DeleteObject" },
      signal,
      (client, options) => client.send(new DeleteObjectCommand(probed), options),
    )
    .catch(() => {}); // who may only write cannot
  return { conditionalPut, versioning: ![undefined, "", "null"].includes(first.VersionId) };
}

/** Whether no upload can be completed under a name that is taken. */
async function isUploadRefused(
  bucket: Bucket,
  taken: { readonly Bucket: string; readonly Key: string },
  signal: AbortSignal,
): Promise<boolean> {
  const doing = { what: "try a conditional upload", permission: "s3:PutObject" };
  const { UploadId } = await bucket.call(doing, signal, (client, options) =>
    client.send(new CreateMultipartUploadCommand(taken), options),
  );
  const upload = { ...taken, UploadId };
  try {
    const part = { ...upload, PartNumber: 1, Body: new Uint8Array(1) };
    const { ETag } = await withDigest(bucket, part.Body, (digest) =>
      bucket.call(doing, signal, (client, options) =>
        client.send(new UploadPartCommand({ ...part, ...digest }), options),
      ),
    );
    const parts = { IfNoneMatch: "*", MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } };
    await bucket.call(doing, signal, (client, options) =>
      client.send(new CompleteMultipartUploadCommand({ ...upload, ...parts }), options),
    );
    return false;
  } catch (error) {
    if (error instanceof StoreFailure && error.code === "store-unsupported") return false;
    if (error instanceof StoreFailure && error.code === "object-exists") return true;
    throw error;
  } finally {
    await abortUpload(bucket, upload, signal).catch(() => {}); // who may only write cannot
  }
}

/** Many services know no locks: that is "none". Many users may not ask. */
async function lockOf(
  bucket: Bucket,
  signal: AbortSignal,
): Promise<"default" | "possible" | "none" | "unknown"> {
  const doing = { what: "ask for object lock", permission: "s3:GetBucketObjectLockConfiguration" };
  const found = await orNothing(
    bucket.call(doing, signal, (client, options) =>
      client.send(new GetObjectLockConfigurationCommand({ Bucket: bucket.name }), options),
    ),
    "unknown" as const,
  );
  if (found === "unknown") return found;
  const configuration = found?.ObjectLockConfiguration;
  if (configuration?.ObjectLockEnabled !== "Enabled") return "none";
  return configuration.Rule?.DefaultRetention === undefined ? "possible" : "default";
}

async function isVersioned(bucket: Bucket, signal: AbortSignal): Promise<boolean> {
  const doing = { what: "ask for versioning", permission: "s3:GetBucketVersioning" };
  const found = await orNothing(
    bucket.call(doing, signal, (client, options) =>
      client.send(new GetBucketVersioningCommand({ Bucket: bucket.name }), options),
    ),
    undefined,
  );
  return found?.Status === "Enabled";
}

/** What is not known there is undefined. */
async function orNothing<T, U>(asked: Promise<T>, ifRefused: U): Promise<T | U | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (!(error instanceof StoreFailure) || error.isTransient) throw error;
    const isTelling = /NoSuchBucket|InvalidAccessKeyId|SignatureDoesNotMatch|region|clock/.test(
      error.message,
    );
    if (isTelling) throw error;
    return error.code === "store-refused" ? ifRefused : undefined;
  }
}

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

const locking = new WeakMap<Bucket, Promise<boolean>>();

async function hasLocks(bucket: Bucket, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted();
  const known =
    locking.get(bucket) ??
    lockOf(bucket, new AbortController().signal).then((lock) => lock !== "none");
  locking.set(bucket, known);
  known.catch(() => locking.delete(bucket));
  return unlessAborted(known, signal);
}

async function sweepUploads(bucket: Bucket, graceMs: number, { signal }: Waiting): Promise<number> {
  let swept = 0;
  for await (const { Key = "", UploadId, Initiated } of findUploads(bucket, signal)) {
    const isOld = now().getTime() - (Initiated?.getTime() ?? Infinity) >= graceMs;
    const isOurs = Key.startsWith(bucket.prefix) && isKey(Key.slice(bucket.prefix.length));
    if (!isOld || !isOurs) continue;
    if (await abortUpload(bucket, { Bucket: bucket.name, Key, UploadId }, signal)) swept++;
  }
  return swept;
}

/** MinIO takes the prefix for a whole key: where none begins with it, all in the bucket are looked at. */
async function* findUploads(bucket: Bucket, signal: AbortSignal): AsyncIterable<MultipartUpload> {
  let isAny = false;
  for await (const upload of listUploads(bucket, bucket.prefix, signal)) {
    isAny = true;
    yield upload;
  }
  if (!isAny && bucket.prefix !== "") yield* listUploads(bucket, "", signal);
}

async function* listUploads(
  bucket: Bucket,
  prefix: string,
  signal: AbortSignal,
): AsyncIterable<MultipartUpload> {
  const doing = { what: "list unfinished uploads", permission: "s3:ListBucketMultipartUploads" };
  const all = { Bucket: bucket.name, Prefix: prefix };
  let after: Pick<ListMultipartUploadsCommandInput, "KeyMarker" | "UploadIdMarker"> = {};
  for (;;) {
    const place = { ...all, ...after };
    const page: ListMultipartUploadsCommandOutput | undefined = await bucket
      .call(doing, signal, (client, options) =>
        client.send(new ListMultipartUploadsCommand(place), options),
      )
      .catch(unlessGone);
    if (page === undefined) return; // so says rclone of a bucket that never had any
    yield* page.Uploads ?? [];
    if (page.IsTruncated !== true) return;
    const { NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page;
    // one key may have more uploads than a page holds
    const isFurther = KeyMarker !== after.KeyMarker || UploadIdMarker !== after.UploadIdMarker;
    if (KeyMarker === undefined || !isFurther)
      throw lacks(`cannot ${doing.what}`, "where to go on");
    after = { KeyMarker, ...(UploadIdMarker !== undefined && { UploadIdMarker }) };
  }
}

/** Whether it was there: somebody else may have been faster. */
async function abortUpload(
  bucket: Bucket,
  upload: { Bucket: string; Key: string; UploadId: string | undefined },
  signal: AbortSignal,
): Promise<boolean> {
  const doing = { what: "abort an unfinished upload", permission: "s3:AbortMultipartUpload" };
  try {
    await bucket.call(doing, signal, (client, options) =>
      client.send(new AbortMultipartUploadCommand(upload), options),
    );
    return true;
  } catch (error) {
    return unlessGone(error) ?? false;
  }
}

/** Undefined where the service knows of no such upload; throws every other failure. */
function unlessGone(error: unknown): undefined {
  if (error instanceof StoreFailure && /NoSuchUpload/.test(error.message)) return undefined;
  throw error;
}

function target(bucket: Bucket, key: string): { Bucket: string; Key: string } {
  return { Bucket: bucket.name, Key: bucket.prefix + key };
}

function lacks(what: string, thing: string): StoreFailure {
  return new StoreFailure("store-wrong-answer", `${what}: the answer lacks ${thing}`);
}
