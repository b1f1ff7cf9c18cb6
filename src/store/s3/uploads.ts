/** Uploads that nobody completes: how they end. */
import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandInput,
  type ListMultipartUploadsCommandOutput,
  type MultipartUpload,
} from "@aws-sdk/client-s3";
import { now } from "../../io/clock.ts";
import { pause } from "../../io/pause.ts";
import { StoreFailure } from "../failure.ts";
import { isKey } from "../key.ts";
import { createLastWait } from "../last-wait.ts";
import type { Bucket } from "./bucket.ts";
import { lacks } from "./failure.ts";
import type { Waiting } from "../store.ts";

/** How an upload is named. */
interface UploadName {
  readonly Bucket: string;
  readonly Key: string;
  readonly UploadId: string | undefined;
}

/** Pauses after which an upload is aborted again when parts of it were cut off. */
const LATE_PARTS_MS = [100, 500];

/** As the contract's `sweep`: aborts the unfinished uploads that are old enough. */
export async function sweepUploads(
  bucket: Bucket,
  graceMs: number,
  { signal }: Waiting,
): Promise<number> {
  let swept = 0;
  for await (const { Key = "", UploadId, Initiated } of findUploads(bucket, signal)) {
    const isOld = now().getTime() - (Initiated?.getTime() ?? Infinity) >= graceMs;
    const isOurs = Key.startsWith(bucket.prefix) && isKey(Key.slice(bucket.prefix.length));
    if (!isOld || !isOurs) continue;
    if (await abortUpload(bucket, { Bucket: bucket.name, Key, UploadId }, "call", signal)) swept++;
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

/**
 * Aborts the upload of a put that failed, as far as that goes: what is left is swept later. Parts that were cut off may
 * still be in the service's hands and bring the upload back (Amazon asks to abort more than once; versitygw makes its
 * folder anew): so it is aborted again a little later.
 */
export async function giveUpUpload(
  bucket: Bucket,
  upload: UploadName,
  isAnyPartCut: boolean,
): Promise<void> {
  using patience = createLastWait();
  const { signal } = patience;
  try {
    await abortUpload(bucket, upload, "insist", signal);
    if (!isAnyPartCut) return;
    for (const pauseMs of LATE_PARTS_MS) {
      await pause(pauseMs, signal);
      await abortUpload(bucket, upload, "insist", signal);
    }
  } catch {
    // nobody is helped by hearing of it instead of what the put failed with
  }
}

/** Whether it was there: somebody else may have been faster. `how` as the methods of a bucket. */
export async function abortUpload(
  bucket: Bucket,
  upload: UploadName,
  how: "call" | "insist",
  signal: AbortSignal,
): Promise<boolean> {
  const doing = { what: "abort an unfinished upload", permission: "s3:AbortMultipartUpload" };
  try {
    await bucket[how](doing, signal, (client, options) =>
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
