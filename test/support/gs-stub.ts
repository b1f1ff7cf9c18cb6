/**
 * As much of Google Cloud Storage as puts, reads and looks need, for what fake-gcs-server does otherwise: an upload that
 * goes on where it was cut, and tokens that are looked at.
 */
import { fastCrc32c } from "../../src/io/crc32c.ts";
import type { Answer, Asked, Respond } from "./cloud-stub.ts";

/** What becomes of a request with bytes of an upload: so many of them are kept, and the connection may break then. */
export interface Cut {
  readonly keeps: number;
  readonly breaks: boolean;
}

export interface GoogleRules {
  /** Whether a token is good; every one when left out. */
  readonly accepts?: (token: string) => boolean;
  /** Asked for each request with bytes of an upload, numbered from 1 on; undefined keeps all of them. */
  readonly cut?: (number: number) => Cut | undefined;
}

interface Upload {
  readonly name: string;
  readonly resource: object;
  readonly ifAbsent: boolean;
  bytes: Buffer;
}

/** A service with one empty bucket. */
export function googleAnswers({
  accepts = () => true,
  cut = () => undefined,
}: GoogleRules = {}): Respond {
  const objects = new Map<string, { bytes: Buffer; json: object }>();
  const uploads = new Map<string, Upload>();
  let requests = 0;
  const keep = ({ name, resource, ifAbsent, bytes }: Upload): Answer => {
    if (ifAbsent && objects.has(name))
      return { status: 412, body: { error: { message: "taken" } } };
    const crc = Buffer.alloc(4);
    crc.writeUInt32BE(fastCrc32c(bytes, 0) >>> 0);
    const json = { ...resource, name, size: `${bytes.length}`, crc32c: crc.toString("base64") };
    objects.set(name, { bytes, json });
    return { body: json };
  };
  const goOn = (upload: Upload, { headers, body }: Asked): Answer | "reset" => {
    const [, from, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers["content-range"] ?? "")!;
    const rule = cut(++requests);
    const offered = body.subarray(0, rule?.keeps);
    // what is there already is ignored
    const fresh = offered.subarray(upload.bytes.length - Number(from));
    upload.bytes = Buffer.concat([upload.bytes, fresh]);
    if (rule?.breaks === true) return "reset";
    if (upload.bytes.length === Number(total)) return keep(upload);
    const range = { range: `bytes=0-${upload.bytes.length - 1}` };
    return { status: 308, headers: upload.bytes.length === 0 ? {} : range };
  };
  return (asked) => {
    const { host, method, path, query, headers, body } = asked;
    if (host !== "storage.googleapis.com") return undefined;
    const token = /^Bearer (.+)$/.exec(headers.authorization ?? "")?.[1];
    if (token === undefined || !accepts(token))
      return { status: 401, body: { error: { message: "Invalid Credentials" } } };
    const upload = uploads.get(query.get("upload_id") ?? "");
    if (upload !== undefined && method === "PUT") return goOn(upload, asked);
    if (upload !== undefined) return { status: 499 };
    const ifAbsent = query.get("ifGenerationMatch") === "0";
    const name = query.get("name") ?? "";
    if (query.get("uploadType") === "resumable") {
      const id = String(uploads.size + 1);
      const resource = JSON.parse(String(body)) as object;
      uploads.set(id, { name, resource, ifAbsent, bytes: Buffer.alloc(0) });
      return {
        headers: { location: `https://${host}${path}?uploadType=resumable&upload_id=${id}` },
      };
    }
    if (query.get("uploadType") === "multipart")
      return keep({ name, resource: {}, ifAbsent, bytes: lastPartOf(asked) });
    const object = objects.get(path.split("/o/")[1] ?? "");
    if (object === undefined)
      return { status: 404, body: { error: { message: "No such object" } } };
    return query.get("alt") === "media" ? media(asked, object.bytes) : { body: object.json };
  };
}

function media({ headers }: Asked, bytes: Buffer): Answer {
  const from = Number(/^bytes=(\d+)-/.exec(headers.range ?? "")?.[1]);
  const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
  return { status: 206, headers: { "content-range": range }, body: bytes.subarray(from) };
}

/** Of a multipart body: what comes after the head of its second part. */
function lastPartOf({ headers, body }: Asked): Buffer {
  const boundary = /boundary=(.+)$/.exec(headers["content-type"] ?? "")![1]!;
  const second = body.indexOf(`--${boundary}`, 1);
  const begin = body.indexOf("\r\n\r\n", second) + 4;
  return body.subarray(begin, body.lastIndexOf(`\r\n--${boundary}--`));
}
