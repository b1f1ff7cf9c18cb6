/** What a service and a bucket can do, by asking and by trying. */
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  PutObjectCommand,
  UploadPartCommand,
  type PutObjectCommandOutput,
} from "@aws-sdk/client-s3";
import { unlessAborted } from "../../io/patience.ts";
import { randomName } from "../../io/random.ts";
import { StoreFailure } from "../failure.ts";
import type { Bucket } from "./bucket.ts";
import { withDigest } from "./digest.ts";
import { abortUpload } from "./uploads.ts";
import type { Capabilities } from "../store.ts";

/** What the bucket can do: asked for, and tried with an object that is taken away again. */
export async function probe(bucket: Bucket): Promise<Capabilities> {
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
    await abortUpload(bucket, upload, "call", signal).catch(() => {}); // who may only write cannot
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

const locking = new WeakMap<Bucket, Promise<boolean>>();

/** Whether objects there can be locked; asked once. Who may not ask hears yes. */
export async function hasLocks(bucket: Bucket, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted();
  const known =
    locking.get(bucket) ??
    lockOf(bucket, new AbortController().signal).then((lock) => lock !== "none");
  locking.set(bucket, known);
  known.catch(() => locking.delete(bucket));
  return unlessAborted(known, signal);
}
