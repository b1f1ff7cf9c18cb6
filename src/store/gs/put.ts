/** Objects into a bucket of Google Cloud Storage: small ones in one request, others in a resumable upload. */
import { fastCrc32c } from "../../io/crc32c.ts";
import type { Part } from "../body-parts.ts";
import { beginPut, type Put as CloudPut } from "../cloud-put.ts";
import { StoreFailure } from "../failure.ts";
import { createLastWait } from "../last-wait.ts";
import type { Answer, Bucket } from "./bucket.ts";
import type { Doing } from "./failure.ts";
import type { ObjectInfo, PutOptions } from "../store.ts";

/** Metadata by which a put knows its own object again when the answer was lost. */
const TOKEN = "holdfast-put";
const CREATING = "storage.objects.create";

type Put = CloudPut<Bucket>;

/** What was sent so far. */
interface Sent {
  size: number;
  crc32c: number;
}

/** As the contract's `put`. */
export async function putObject(
  bucket: Bucket,
  key: string,
  body: AsyncIterable<Uint8Array>,
  options: PutOptions,
): Promise<ObjectInfo> {
  await using begun = await beginPut(bucket, key, body, options, objectOf);
  const { put, sending, first, parts, recycle } = begun;
  const sent: Sent = { size: 0, crc32c: 0 };
  if (first.isLast) {
    count(sent, first);
    await putWhole(put, first.bytes, sent);
    return { key, size: sent.size, modifiedMs: undefined };
  }
  const session = await begin(put);
  try {
    await sendInOrder(put, session, sent, parts, recycle);
  } catch (error) {
    sending.fail(error);
    await cancel(put, session);
    throw error;
  }
  return { key, size: sent.size, modifiedMs: undefined };
}

async function putWhole(put: Put, bytes: Uint8Array, sent: Sent): Promise<void> {
  const { place: bucket, signal } = put;
  const boundary = `part-${put.token}`;
  const piece = (type: string): string => `--${boundary}\r\ncontent-type: ${type}\r\n\r\n`;
  const body = Buffer.concat([
    Buffer.from(`${piece("application/json")}${JSON.stringify(resource(put))}\r\n`),
    Buffer.from(piece("application/octet-stream")),
    bytes,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
  await finished(put, sent, () =>
    bucket.insist(doing(put, "put"), signal, {
      method: "POST",
      path: uploadPath(put, "multipart"),
      headers: { "content-type": `multipart/related; boundary=${boundary}` },
      body,
    }),
  );
}

/** The address of a new upload, which is as good as a password for it. */
async function begin(put: Put): Promise<string> {
  const what = doing(put, "begin an upload of");
  const { headers } = await put.place.insist(what, put.signal, {
    method: "POST",
    path: uploadPath(put, "resumable"),
    headers: {
      "content-type": "application/json",
      "x-upload-content-type": "application/octet-stream",
    },
    body: Buffer.from(JSON.stringify(resource(put))),
  });
  if (headers.location !== undefined && URL.canParse(headers.location)) return headers.location;
  throw new StoreFailure("store-wrong-answer", `cannot ${what.what}: the upload got no address`);
}

/** One part on its way while the next is filled. */
async function sendInOrder(
  put: Put,
  session: string,
  sent: Sent,
  parts: AsyncIterable<Part>,
  recycle: (part: Part) => void,
): Promise<void> {
  const iterator = parts[Symbol.asyncIterator]();
  let part = (await iterator.next()).value as Part;
  while (!part.isLast) {
    const [next] = await Promise.all([iterator.next(), sendPart(put, session, part, sent)]);
    recycle(part);
    part = next.value as Part;
  }
  await finished(put, sent, () => sendPart(put, session, part, sent));
}

/** All of it, and where it is the last, the answer about the object. The service may keep less of it than was sent. */
async function sendPart(put: Put, session: string, part: Part, sent: Sent): Promise<Answer> {
  const { number, bytes, isLast } = part;
  const start = sent.size;
  count(sent, part);
  const total = isLast ? String(sent.size) : "*";
  for (let from = start; ;) {
    const rest = bytes.subarray(from - start);
    const range = `bytes ${from}-${sent.size - 1}/${total}`;
    const answer = await sendRange(put, session, number, rest, range);
    const kept = Number(/^bytes=0-(\d+)$/.exec(answer.headers.range ?? "")?.[1] ?? -1) + 1;
    if (isLast && answer.status !== 308) return answer;
    if (!isLast && answer.status === 308 && kept === sent.size) return answer;
    if (answer.status !== 308 || kept <= from || kept >= sent.size) throw wrongly(put, sent, kept);
    from = kept;
  }
}

function wrongly({ key }: Put, { size }: Sent, kept: number): StoreFailure {
  const message = `cannot put "${key}": of ${size} bytes ${kept} were kept`;
  return new StoreFailure("store-wrong-answer", message);
}

/** Bytes that the service has already are sent again after a failure, and ignored by it. */
function sendRange(
  put: Put,
  session: string,
  number: number,
  body: Uint8Array,
  range: string,
): Promise<Answer> {
  const what = { what: `put part ${number} of "${put.key}"`, permission: CREATING };
  return put.place.insist(what, put.signal, {
    method: "PUT",
    path: session,
    headers: { "content-range": range },
    body,
    accepts: [308],
  });
}

/**
 * The last request of a put, and whether it did what it should. When its answer was lost and it was repeated, the service
 * may refuse because of our own object: that is success.
 */
async function finished(put: Put, sent: Sent, run: () => Promise<Answer>): Promise<void> {
  const object = await run().then(
    ({ json }) => json,
    async (error: unknown) => {
      const isAmbiguous =
        error instanceof StoreFailure && !error.isTransient && !put.signal.aborted;
      const found = isAmbiguous ? await objectOf(put).catch(() => undefined) : undefined;
      const metadata = found?.["metadata"] as Readonly<Record<string, string>> | undefined;
      if (found === undefined || metadata?.[TOKEN] !== put.token) throw error;
      return found;
    },
  );
  if (Number(object["size"]) === sent.size && object["crc32c"] === base64Of(sent.crc32c)) return;
  await takeBack(put);
  const message = `cannot put "${put.key}": ${sent.size} bytes were sent, others were stored`;
  throw new StoreFailure("store-wrong-answer", message);
}

async function takeBack(put: Put): Promise<void> {
  const what = { what: `take back "${put.key}"`, permission: "storage.objects.delete" };
  const ask = { method: "DELETE", path: objectPath(put), accepts: [404] };
  await put.place.insist(what, put.signal, ask).catch(() => {});
}

async function objectOf(put: Put): Promise<Answer["json"] | undefined> {
  const look = { what: `look at "${put.key}"`, permission: "storage.objects.get" };
  const ask = { method: "GET", path: `${objectPath(put)}?fields=size,crc32c,metadata` };
  try {
    return (await put.place.insist(look, put.signal, ask)).json;
  } catch (error) {
    if (error instanceof StoreFailure && error.code === "object-missing") return undefined;
    throw error;
  }
}

/** As far as it goes: what is left goes by itself after a week. */
async function cancel(put: Put, session: string): Promise<void> {
  using patience = createLastWait();
  const ask = { method: "DELETE", path: session, accepts: [404, 405, 410, 499] };
  await put.place.call(doing(put, "cancel"), patience.signal, ask).catch(() => {});
}

function count(sent: Sent, { bytes }: Part): void {
  sent.size += bytes.length;
  sent.crc32c = fastCrc32c(bytes, sent.crc32c);
}

function doing({ key }: Put, verb: string): Doing {
  return { what: `${verb} "${key}"`, permission: CREATING, missing: "bucket" };
}

function uploadPath(put: Put, uploadType: string): string {
  const condition = put.ifAbsent ? "&ifGenerationMatch=0" : "";
  const name = encodeURIComponent(put.place.prefix + put.key);
  return `/upload/storage/v1/b/${put.place.name}/o?uploadType=${uploadType}&name=${name}${condition}`;
}

function objectPath({ place: bucket, key }: Put): string {
  return `/storage/v1/b/${bucket.name}/o/${encodeURIComponent(bucket.prefix + key)}`;
}

function resource({ place: { prefix, storageClass }, key, token }: Put): Record<string, unknown> {
  return {
    name: prefix + key,
    contentType: "application/octet-stream",
    metadata: { [TOKEN]: token },
    ...(storageClass !== undefined && { storageClass }),
  };
}

/** As the service writes it: four bytes, the highest first. */
function base64Of(crc32c: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32c >>> 0);
  return bytes.toString("base64");
}
