import { createHash } from "node:crypto";
import { StoreFailure } from "../failure.ts";
import type { Bucket } from "./bucket.ts";

/**
 * What is put under a lock is only taken with a digest of its bytes, which takes time. Of a bucket that locks whatever
 * comes only the refusal tells it: asked for once, it goes with everything from then on.
 */
export async function withDigest<T>(
  { digests }: Bucket,
  bytes: Uint8Array,
  send: (digest: { readonly ContentMD5?: string }) => Promise<T>,
): Promise<T> {
  if (!digests.areWanted) {
    try {
      return await send({});
    } catch (error) {
      const isAsked = error instanceof StoreFailure && /Content-MD5/i.test(error.message);
      if (!isAsked) throw error;
      digests.areWanted = true;
    }
  }
  return send({ ContentMD5: createHash("md5").update(bytes).digest("base64") });
}
