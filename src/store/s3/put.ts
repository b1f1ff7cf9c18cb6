/** Objects into a bucket: small ones in one request, others in parts that are sent again one by one. */
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  PutObjectCommand,
  PutObjectRetentionCommand,
  UploadPartCommand,
  type CompletedPart,
  type ObjectLockRetention,
} from "@aws-sdk/client-s3";
import { MOST_PARTS, sendParts, type Part } from "../body-parts.ts";
import { beginPut, type Put as CloudPut } from "../cloud-put.ts";
import { StoreFailure } from "../failure.ts";
import type { Bucket } from "./bucket.ts";
import type { Doing } from "./failure.ts";
import { withDigest } from "./digest.ts";
import { lookAt } from "./look.ts";
import { giveUpUpload } from "./uploads.ts";
import type { ObjectInfo, PutOptions } from "../store.ts";

/** Metadata by which a put knows its own object again when the answer was lost. */
const TOKEN = "holdfast-put";

type Put = CloudPut<Bucket>;

/** As the contract's `put`. */
export async function putObject(
  bucket: Bucket,
  key: string,
  body: AsyncIterable<Uint8Array>,
  options: PutOptions,
): Promise<ObjectInfo> {
  await using begun = await beginPut(bucket, key, body, options, headMetadata);
  const { put, sending, first, parts, recycle } = begun;
  if (first.isLast) {
    await putWhole(put, first.bytes);
    return { key, size: first.bytes.length, modifiedMs: undefined };
  }
  let size = 0;
  await inUpload(put, async (upload) => {
    const done: CompletedPart[] = [];
    await sendParts(parts, sending, async (part) => {
      size += part.bytes.length;
      done.push(await sendPart(put, upload, part));
      recycle(part);
    });
    done.sort((a, b) => a.PartNumber! - b.PartNumber!);
    await complete(put, upload.id, done);
  });
  await lockWhole(put);
  return { key, size, modifiedMs: undefined };
}

async function putWhole(put: Put, bytes: Uint8Array): Promise<void> {
  const { place: bucket, signal } = put;
  const answer = await conditionally(put, (condition) =>
    withDigest(bucket, bytes, (digest) =>
      bucket.insist(doing(put, "put"), signal, (client, options) => {
        const input = { ...condition, ...target(put), ...creation(put), ...digest, Body: bytes };
        return client.send(new PutObjectCommand(input), options);
      }),
    ),
  );
  if (answer === undefined || isEncrypted(bucket, answer)) return;
  await bucket.insist(
    { what: `take back "${put.key}"`, permission: "s3:DeleteObject" },
    signal,
    (client, options) => client.send(new DeleteObjectCommand(target(put)), options),
  );
  throw notEncrypted(put);
}

interface Upload {
  readonly id: string;
  /** Whether the service has said that it encrypts as it was asked to. Some say so of each part only (MinIO). */
  readonly isConfirmed: boolean;
  /** Whether a part failed or was aborted under way, so that it may still arrive. */
  isAnyPartCut: boolean;
}

/** Whatever fails inside, the upload is aborted then, so that its parts cost nothing. */
async function inUpload(put: Put, work: (upload: Upload) => Promise<void>): Promise<void> {
  const { place: bucket, signal } = put;
  const begin = doing(put, "begin an upload of");
  const made = await bucket.insist(begin, signal, (client, options) =>
    client.send(new CreateMultipartUploadCommand({ ...target(put), ...creation(put) }), options),
  );
  if (made.UploadId === undefined)
    throw new StoreFailure("store-wrong-answer", `cannot put "${put.key}": the upload got no name`);
  const isConfirmed = isEncrypted(bucket, made);
  const upload: Upload = { id: made.UploadId, isConfirmed, isAnyPartCut: false };
  try {
    await work(upload);
  } catch (error) {
    await giveUpUpload(bucket, { ...target(put), UploadId: upload.id }, upload.isAnyPartCut);
    throw error;
  }
}

async function sendPart(put: Put, upload: Upload, part: Part): Promise<CompletedPart> {
  const { place: bucket, key, signal } = put;
  if (part.number > MOST_PARTS)
    throw new StoreFailure("store-unsupported", `cannot put "${key}": it is too large for S3`);
  const what = { what: `put part ${part.number} of "${key}"`, permission: "s3:PutObject" };
  const answer = await withDigest(bucket, part.bytes, (digest) =>
    bucket.insist(what, signal, (client, options) =>
      client.send(
        new UploadPartCommand({
          ...target(put),
          ...bucket.customerKey,
          ...digest,
          UploadId: upload.id,
          PartNumber: part.number,
          Body: part.bytes,
        }),
        options,
      ),
    ),
  ).catch((error: unknown) => {
    upload.isAnyPartCut = true;
    throw error;
  });
  if (!upload.isConfirmed && !isEncrypted(bucket, answer)) throw notEncrypted(put);
  const { ETag } = answer;
  if (ETag === undefined)
    throw new StoreFailure("store-wrong-answer", `cannot ${what.what}: it got no ETag`);
  return { PartNumber: part.number, ETag };
}

async function complete(put: Put, uploadId: string, parts: CompletedPart[]): Promise<void> {
  const { place: bucket, signal } = put;
  await conditionally(put, (condition) =>
    bucket.insist(doing(put, "complete"), signal, (client, options) =>
      client.send(
        new CompleteMultipartUploadCommand({
          ...condition,
          ...target(put),
          ...bucket.customerKey,
          UploadId: uploadId,
          MultipartUpload: { Parts: parts },
        }),
        options,
      ),
    ),
  );
}

/** Some forget the lock of what came in parts (radosgw 16): it is asked for once more there. */
async function lockWhole(put: Put): Promise<void> {
  const { place: bucket, key, signal } = put;
  if (!bucket.locks) return;
  const found = await lookAt(bucket, key, "insist", signal).catch((error: unknown) => {
    // who may only write cannot look
    if (error instanceof StoreFailure && error.code === "store-refused") return undefined;
    throw error;
  });
  if (found === undefined || found.ObjectLockRetainUntilDate !== undefined) return;
  const { ObjectLockMode: Mode, ObjectLockRetainUntilDate: RetainUntilDate } = creation(put);
  const Retention = { Mode, RetainUntilDate } as ObjectLockRetention;
  await bucket.insist(
    { what: `lock "${key}"`, permission: "s3:PutObjectRetention" },
    signal,
    (client, options) =>
      client.send(new PutObjectRetentionCommand({ ...target(put), Retention }), options),
  );
}

type Condition = { readonly IfNoneMatch?: "*" };

/**
 * With the condition where it is wanted, and without where the service does not know it. When an answer was lost and the
 * request repeated, the service refuses because of our own object: that is success, and the answer undefined.
 */
async function conditionally<T>(
  put: Put,
  run: (condition: Condition) => Promise<T>,
): Promise<T | undefined> {
  try {
    return await run(put.ifAbsent ? { IfNoneMatch: "*" } : {});
  } catch (error) {
    if (!(error instanceof StoreFailure) || put.signal.aborted) throw error;
    if (put.ifAbsent && error.code === "store-unsupported") return run({});
    const isAmbiguous = error.code === "object-exists" || error.code === "store-wrong-answer";
    if (isAmbiguous && (await isOurs(put))) return undefined;
    throw error;
  }
}

async function isOurs(put: Put): Promise<boolean> {
  const metadata = await headMetadata(put).catch(() => undefined);
  return metadata?.[TOKEN] === put.token;
}

async function headMetadata(put: Put): Promise<Readonly<Record<string, string>> | undefined> {
  const found = await lookAt(put.place, put.key, "insist", put.signal);
  return found && (found.Metadata ?? {});
}

function doing({ key }: Put, verb: string): Doing {
  return { what: `${verb} "${key}"`, permission: "s3:PutObject" };
}

function target({ place: bucket, key }: Put): { Bucket: string; Key: string } {
  return { Bucket: bucket.name, Key: bucket.prefix + key };
}

function creation({ place: bucket, token }: Put): Record<string, unknown> {
  return {
    ...bucket.creation(),
    ContentType: "application/octet-stream",
    Metadata: { [TOKEN]: token },
  };
}

interface EncryptedAnswer {
  readonly ServerSideEncryption?: string | undefined;
  readonly SSECustomerAlgorithm?: string | undefined;
}

/** A service that does not know the headers ignores them, and says nothing. */
function isEncrypted({ encryption, customerKey }: Bucket, answer: EncryptedAnswer): boolean {
  return (
    (encryption === undefined || answer.ServerSideEncryption === encryption) &&
    customerKey.SSECustomerAlgorithm === answer.SSECustomerAlgorithm
  );
}

function notEncrypted({ key }: Put): StoreFailure {
  return new StoreFailure(
    "store-unsupported",
    `cannot put "${key}": the service does not confirm the encryption that sse= asks for`,
    { hint: "leave sse= out; backups are sealed before they leave this machine anyway" },
  );
}
