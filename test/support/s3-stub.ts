/**
 * As much of Amazon's S3 as puts, reads and looks need, for what versitygw ignores: encryption that is confirmed and
 * demanded again, storage classes, locks, credentials that expire. It checks no signature.
 */
import { createHash } from "node:crypto";
import type { Answer, Asked, Respond } from "./cloud-stub.ts";

/** What is kept of the headers that an object was made with. */
const KEPT =
  /^x-amz-(meta-.*|storage-class|object-lock-.*|server-side-encryption(-aws-kms-key-id)?|server-side-encryption-customer-(algorithm|key-md5))$/;
const CUSTOMER = "x-amz-server-side-encryption-customer-key-md5";

interface Thing {
  readonly headers: Readonly<Record<string, string>>;
  bytes: Buffer;
}

interface Upload extends Thing {
  readonly parts: Map<number, Buffer>;
}

/** An error as S3 writes it. */
export function s3Error(status: number, code: string, message = code): Answer {
  return { status, body: `<Error><Code>${code}</Code><Message>${message}</Message></Error>` };
}

/** The access key that a request is signed with. */
export function accessKeyOf({ headers }: Asked): string {
  return /Credential=([^/]+)/.exec(headers.authorization ?? "")?.[1] ?? "";
}

/** A service with one empty bucket, whose lists stay empty. */
export function s3Answers(): Respond {
  const objects = new Map<string, Thing>();
  const uploads = new Map<string, Upload>();
  return (asked) => {
    const { method, path, query } = asked;
    const id = query.get("uploadId");
    const upload = id === null ? undefined : uploads.get(id);
    if (id !== null && upload === undefined) return s3Error(404, "NoSuchUpload");
    if (upload !== undefined) return goOn(asked, upload, uploads, objects);
    if (method === "POST" && query.has("uploads")) {
      const made = { headers: keptOf(asked), bytes: Buffer.alloc(0), parts: new Map() };
      uploads.set(String(uploads.size + 1), made);
      const body = `<InitiateMultipartUploadResult><UploadId>${uploads.size}</UploadId></InitiateMultipartUploadResult>`;
      return { headers: confirmed(made), body };
    }
    if (method === "DELETE") {
      objects.delete(path);
      return { status: 204 };
    }
    if (method === "PUT")
      return store(asked, { headers: keptOf(asked), bytes: asked.body }, objects);
    if (query.get("list-type") === "2") return { body: "<ListBucketResult></ListBucketResult>" };
    const thing = objects.get(path);
    if (thing === undefined) return s3Error(404, "NoSuchKey");
    if (isKeyMissing(asked, thing)) return s3Error(400, "InvalidRequest");
    return fetched(asked, thing);
  };
}

function goOn(
  asked: Asked,
  upload: Upload,
  uploads: Map<string, Upload>,
  objects: Map<string, Thing>,
): Answer {
  const { method, query, body } = asked;
  if (method === "DELETE") {
    uploads.delete(query.get("uploadId")!);
    return { status: 204 };
  }
  if (method === "PUT") {
    if (isKeyMissing(asked, upload)) return s3Error(400, "InvalidRequest");
    upload.parts.set(Number(query.get("partNumber")), body);
    return { headers: { ...confirmed(upload), etag: `"${md5(body)}"` } };
  }
  const numbers = [...upload.parts.keys()].toSorted((a, b) => a - b);
  const bytes = Buffer.concat(numbers.map((number) => upload.parts.get(number)!));
  const answer = store(asked, { headers: upload.headers, bytes }, objects);
  if (answer.status === undefined) uploads.delete(query.get("uploadId")!);
  const done = "<CompleteMultipartUploadResult><ETag>done</ETag></CompleteMultipartUploadResult>";
  return { body: done, ...answer };
}

function store({ path, headers }: Asked, thing: Thing, objects: Map<string, Thing>): Answer {
  if (headers["if-none-match"] === "*" && objects.has(path))
    return s3Error(412, "PreconditionFailed");
  objects.set(path, thing);
  return { headers: { ...confirmed(thing), etag: `"${md5(thing.bytes)}"` } };
}

function fetched({ method, headers }: Asked, { headers: kept, bytes }: Thing): Answer {
  const common = { ...kept, "last-modified": "Tue, 24 Nov 2026 10:00:00 GMT" };
  if (method === "HEAD") return { headers: { ...common, "content-length": String(bytes.length) } };
  const [, first = "0", last = ""] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? "") ?? [];
  const part = bytes.subarray(Number(first), last === "" ? undefined : Number(last) + 1);
  const range = `bytes ${first}-${Number(first) + part.length - 1}/${bytes.length}`;
  return { status: 206, headers: { ...common, "content-range": range }, body: part };
}

function keptOf({ headers }: Asked): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter((one): one is [string, string] => KEPT.test(one[0])),
  );
}

function confirmed({ headers }: Thing): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => name.includes("server-side-encryption")),
  );
}

function isKeyMissing({ headers }: Asked, thing: Thing): boolean {
  return headers[CUSTOMER] !== thing.headers[CUSTOMER];
}

function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}
