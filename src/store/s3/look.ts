/** What lies under a key of a bucket. */
import { HeadObjectCommand, type HeadObjectCommandOutput } from "@aws-sdk/client-s3";
import { StoreFailure } from "../failure.ts";
import { refusedAtAll, type Bucket } from "./bucket.ts";

/**
 * Headers of the object, undefined for none: also where there is no bucket. Fails as the contract wants.
 *
 * @param how with one request, or until it succeeds or fails for good
 */
export async function lookAt(
  bucket: Bucket,
  key: string,
  how: "call" | "insist",
  signal: AbortSignal,
): Promise<HeadObjectCommandOutput | undefined> {
  const doing = { what: `look at "${key}"`, permission: "s3:GetObject" };
  const target = { Bucket: bucket.name, Key: bucket.prefix + key };
  try {
    return await bucket[how](doing, signal, (client, options) =>
      client.send(new HeadObjectCommand({ ...target, ...bucket.customerKey }), options),
    );
  } catch (error) {
    if (!(error instanceof StoreFailure) || error.isTransient) throw error;
    if (error.code === "object-missing") return undefined;
    await refusedAtAll(bucket, signal);
    throw error;
  }
}
