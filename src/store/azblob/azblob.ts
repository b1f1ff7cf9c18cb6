/** Objects in a container of Azure Blob Storage. */
import { now } from "../../io/clock.ts";
import { unlessAborted } from "../../io/patience.ts";
import { openContainer, type Container } from "./container.ts";
import { discardBlocks, DISCARDED, putBlob } from "./put.ts";
import { StoreFailure } from "../failure.ts";
import { isKey, requireKey, requirePrefix } from "../key.ts";
import { wholeRange } from "../ranged.ts";
import type { Driver, GetOptions, ObjectInfo, Waiting } from "../store.ts";

/** More bytes than an object can have: so that there is a range, whose answer tells how much there is. */
const ENDLESS = 1e15;
const READING = "Storage Blob Data Reader (SAS: r)";

/** `azblob://account/container/prefix`. */
export const azblobDriver: Driver = async (location, tools) => {
  const container = await openContainer(location, tools);
  return {
    url: location.url,
    capabilities: ({ signal }) =>
      unlessAborted(
        Promise.resolve({ conditionalPut: true, objectLock: false, versioning: false }),
        signal,
      ),
    put: (key, body, options) => putBlob(container, key, body, options),
    get: (key, options) => getBlob(container, key, options),
    stat: (key, options) => statBlob(container, key, options),
    list: (prefix, options) => listBlobs(container, prefix, options),
    delete: (key, options) => deleteBlob(container, key, options),
    sweep: (graceMs, options) => sweepBlocks(container, graceMs, options),
    async [Symbol.asyncDispose]() {
      container[Symbol.dispose]();
    },
  };
};

async function* getBlob(
  { client, prefix, call }: Container,
  key: string,
  { offset = 0, length = Infinity, signal }: GetOptions,
): AsyncIterable<Uint8Array> {
  requireKey(key);
  const doing = { what: `read "${key}"`, right: READING };
  const answer = await call(doing, signal, async (abortSignal) => {
    const count = Math.min(Math.max(1, length), ENDLESS);
    const asked = client.getBlobClient(prefix + key).download(offset, count, {
      maxRetryRequests: 0,
      abortSignal,
    });
    return asked.catch((error: unknown) => {
      if ((error as { statusCode?: number }).statusCode === 416) return undefined;
      throw error;
    });
  });
  if (answer === undefined) return;
  const { readableStreamBody, contentRange, contentLength } = answer;
  const asked = { key, offset, length, signal, contentRange, contentLength };
  yield* wholeRange(asked, readableStreamBody as AsyncIterable<Uint8Array>);
}

async function statBlob(
  { client, prefix, call }: Container,
  key: string,
  { signal }: Waiting,
): Promise<ObjectInfo | undefined> {
  requireKey(key);
  const doing = { what: `look at "${key}"`, right: READING };
  try {
    const found = await call(doing, signal, (abortSignal) =>
      client.getBlobClient(prefix + key).getProperties({ abortSignal }),
    );
    if (found.contentType === DISCARDED) return undefined;
    const lockedUntilMs = found.immutabilityPolicyExpiresOn?.getTime();
    return {
      key,
      size: lengthOf(found.contentLength, doing.what),
      modifiedMs: found.lastModified?.getTime(),
      ...(lockedUntilMs !== undefined && { lockedUntilMs }),
    };
  } catch (error) {
    if (error instanceof StoreFailure && error.code === "object-missing") return undefined;
    throw error;
  }
}

async function* listBlobs(
  container: Container,
  prefix: string,
  { signal }: Waiting,
): AsyncIterable<ObjectInfo> {
  requirePrefix(prefix);
  for await (const { key, size, modifiedMs, isDiscarded } of listAll(container, prefix, signal))
    if (!isDiscarded) yield { key, size, modifiedMs };
}

interface Listed extends ObjectInfo {
  readonly isDiscarded: boolean;
}

/** @param uncommitted whether names that have blocks only are listed too, as empty objects */
async function* listAll(
  container: Container,
  prefix: string,
  signal: AbortSignal,
  uncommitted = false,
): AsyncIterable<Listed> {
  const doing = { what: `list "${prefix}"`, right: "Storage Blob Data Reader (SAS: l)" };
  const pages = container.client
    .listBlobsFlat({
      prefix: container.prefix + prefix,
      includeUncommitedBlobs: uncommitted,
      abortSignal: signal,
    })
    .byPage();
  for (;;) {
    const page = await container.call(doing, signal, () => pages.next());
    if (page.done === true) return;
    for (const { name, properties } of page.value.segment.blobItems) {
      const key = name.slice(container.prefix.length);
      if (!isKey(key)) continue;
      signal.throwIfAborted();
      yield {
        key,
        size: lengthOf(properties.contentLength, doing.what),
        modifiedMs: properties.lastModified?.getTime(),
        isDiscarded: properties.contentType === DISCARDED,
      };
    }
  }
}

async function deleteBlob(
  { client, prefix, call }: Container,
  key: string,
  { signal }: Waiting,
): Promise<void> {
  requireKey(key);
  const doing = { what: `delete "${key}"`, right: "Storage Blob Data Contributor (SAS: d)" };
  await call(doing, signal, (abortSignal) =>
    client.getBlobClient(prefix + key).deleteIfExists({ deleteSnapshots: "include", abortSignal }),
  );
}

/** What an empty object is in such a list, only asking it tells. */
async function sweepBlocks(
  container: Container,
  graceMs: number,
  { signal }: Waiting,
): Promise<number> {
  let swept = 0;
  for await (const found of listAll(container, "", signal, true)) {
    const ageMs = now().getTime() - (found.modifiedMs ?? Infinity);
    if (found.size > 0 || ageMs < graceMs) continue;
    if (found.isDiscarded) await deleteBlob(container, found.key, { signal });
    else if ((await statBlob(container, found.key, { signal })) !== undefined) continue;
    else if (!(await discardBlocks(container, found.key, signal))) continue;
    swept++;
  }
  return swept;
}

function lengthOf(length: number | undefined, what: string): number {
  if (length !== undefined) return length;
  throw new StoreFailure("store-wrong-answer", `cannot ${what}: the answer lacks a length`);
}
