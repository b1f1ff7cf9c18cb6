/** Objects into a container: small ones in one request, others in blocks that are sent again one by one. */
import { RestError, type BlockBlobClient } from "@azure/storage-blob";
import { createHash } from "node:crypto";
import type { Container } from "./container.ts";
import type { Doing } from "./failure.ts";
import { sendParts, type Part } from "../body-parts.ts";
import { beginPut, type Put as CloudPut } from "../cloud-put.ts";
import { StoreFailure } from "../failure.ts";
import { createLastWait } from "../last-wait.ts";
import type { ObjectInfo, PutOptions } from "../store.ts";

/** Metadata by which a put knows its own object again when the answer was lost. */
const TOKEN = "holdfastput";
/** The type of an empty object that is on its way out: blocks can only be thrown away by putting something. */
export const DISCARDED = "application/x-discarded";

const WRITING = "Storage Blob Data Contributor (SAS: w)";

type Put = CloudPut<Container>;

/** As the contract's `put`. */
export async function putBlob(
  container: Container,
  key: string,
  body: AsyncIterable<Uint8Array>,
  options: PutOptions,
): Promise<ObjectInfo> {
  await using begun = await beginPut(container, key, body, options, metadataOf);
  const { put, sending, first, parts, recycle } = begun;
  if (first.isLast) {
    await putWhole(put, first.bytes);
    return { key, size: first.bytes.length, modifiedMs: undefined };
  }
  let size = 0;
  let blocks = 0;
  try {
    await sendParts(parts, sending, async (part) => {
      size += part.bytes.length;
      blocks = Math.max(blocks, part.number);
      await stageBlock(put, part);
      recycle(part);
    });
    await commit(put, blocks);
  } catch (error) {
    await discardInTime(put);
    throw error;
  }
  return { key, size, modifiedMs: undefined };
}

async function putWhole(put: Put, bytes: Uint8Array): Promise<void> {
  const { place: container, signal } = put;
  await conditionally(put, () =>
    container.insist(doing(put, "put"), signal, (abortSignal) =>
      blobOf(put).upload(bytes, bytes.length, {
        ...creation(put),
        blobHTTPHeaders: {
          blobContentType: "application/octet-stream",
          blobContentMD5: md5(bytes),
        },
        abortSignal,
      }),
    ),
  );
}

async function stageBlock(put: Put, { number, bytes }: Part): Promise<void> {
  const { place: container, key, signal } = put;
  const what = { what: `put block ${number} of "${key}"`, right: WRITING };
  await container.insist(what, signal, (abortSignal) =>
    blobOf(put).stageBlock(blockId(put, number), bytes, bytes.length, {
      transactionalContentMD5: md5(bytes),
      abortSignal,
    }),
  );
}

async function commit(put: Put, blocks: number): Promise<void> {
  const { place: container, signal } = put;
  const ids = Array.from({ length: blocks }, (_, index) => blockId(put, index + 1));
  await conditionally(put, () =>
    container.insist(doing(put, "complete"), signal, (abortSignal) =>
      blobOf(put).commitBlockList(ids, {
        ...creation(put),
        blobHTTPHeaders: { blobContentType: "application/octet-stream" },
        abortSignal,
      }),
    ),
  );
}

/** When an answer was lost and the request repeated, the service refuses because of our own object: that is success. */
async function conditionally(put: Put, run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch (error) {
    const isOurs =
      error instanceof StoreFailure &&
      /^(object-exists|store-misconfigured)$/.test(error.code) &&
      !put.signal.aborted &&
      (await metadataOf(put).catch(() => undefined))?.[TOKEN] === put.token;
    if (!isOurs) throw error;
  }
}

async function metadataOf(put: Put): Promise<Readonly<Record<string, string>> | undefined> {
  const { place: container, key, signal } = put;
  const look = { what: `look at "${key}"`, right: "Storage Blob Data Reader (SAS: r)" };
  try {
    const found = await container.insist(look, signal, (abortSignal) =>
      blobOf(put).getProperties({ abortSignal }),
    );
    return found.metadata ?? {};
  } catch (error) {
    if (error instanceof StoreFailure && error.code === "object-missing") return undefined;
    throw error;
  }
}

async function discardInTime(put: Put): Promise<void> {
  using patience = createLastWait();
  await discardBlocks(put.place, put.key, patience.signal).catch(() => {});
}

/**
 * Throws away blocks that belong to no object: only an object of their name does that, so an empty one comes and goes
 * there, of a type that is never listed. Whether there was something to do.
 */
export async function discardBlocks(
  { client, prefix, insist }: Container,
  key: string,
  signal: AbortSignal,
): Promise<boolean> {
  const blob = client.getBlockBlobClient(prefix + key);
  const putting = { what: `discard blocks of "${key}"`, right: WRITING };
  const etag = await insist(putting, signal, async (abortSignal) => {
    const conditions = { ifNoneMatch: "*" };
    const blobHTTPHeaders = { blobContentType: DISCARDED };
    const made = await blob
      .commitBlockList([], { conditions, blobHTTPHeaders, abortSignal })
      .catch((error: unknown) => {
        if (error instanceof RestError && error.code === "BlobAlreadyExists") return undefined;
        throw error;
      });
    return made?.etag;
  });
  if (etag === undefined) return false;
  await insist({ what: putting.what, right: "deleting (SAS: d)" }, signal, (abortSignal) =>
    blob.deleteIfExists({ conditions: { ifMatch: etag }, abortSignal }),
  );
  return true;
}

function blobOf({ place: { client, prefix }, key }: Put): BlockBlobClient {
  return client.getBlockBlobClient(prefix + key);
}

function doing({ key }: Put, verb: string): Doing {
  return { what: `${verb} "${key}"`, right: WRITING };
}

function creation({ place: { tier }, ifAbsent, token }: Put): Record<string, unknown> {
  return {
    ...(ifAbsent && { conditions: { ifNoneMatch: "*" } }),
    ...(tier !== undefined && { tier }),
    metadata: { [TOKEN]: token },
  };
}

/** All of one length, as the service wants, and nobody else's. */
function blockId({ token }: Put, number: number): string {
  return Buffer.from(`${token}-${String(number).padStart(6, "0")}`).toString("base64");
}

function md5(bytes: Uint8Array): Uint8Array {
  return createHash("md5").update(bytes).digest();
}
