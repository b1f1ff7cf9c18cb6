/** What the driver for S3 says on the wire where no emulator shows what comes of it: encryption, classes, locks, names. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import { openStore } from "../src/store/open.ts";
import type { Store } from "../src/store/store.ts";
import { body, pattern } from "./support/body.ts";
import { cloudStub, type Asked, type CloudStub, type Respond } from "./support/cloud-stub.ts";
import { recordingLog } from "./support/faulty-store.ts";
import { s3Answers, s3Error } from "./support/s3-stub.ts";
import { scratch } from "./support/scratch.ts";
import { fails, put, read, waiting } from "./support/store-subject.ts";

const LARGE = 9 << 20;
const ENV = { AWS_ACCESS_KEY_ID: "AKIAHOLDFASTTEST", AWS_SECRET_ACCESS_KEY: "s3cret-of-the-tests" };
const PERSISTENCE = { stallMs: 60_000, noProgressMs: 60_000, firstPauseMs: 5 };
const KMS_KEY = "arn:aws:kms:eu-central-1:111122223333:key/1234";

interface Place extends AsyncDisposable {
  readonly stub: CloudStub;
  readonly store: Store;
  readonly log: ReturnType<typeof recordingLog>;
}

/** A bucket at Amazon's own address, as far as the driver knows. */
async function place(
  parameters = "",
  respond: Respond = s3Answers(),
  persistence = PERSISTENCE,
): Promise<Place> {
  const stub = await cloudStub(respond);
  const log = recordingLog();
  const url = `s3://backups/of/tests?region=eu-central-1&${stub.parameters}${parameters}`;
  const store = await openStore(url, { env: ENV, log, persistence });
  return {
    stub,
    store,
    log,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await stub[Symbol.asyncDispose]();
    },
  };
}

/** What a request is, in a word. */
function kindOf({ method, query }: Asked): string {
  if (query.has("uploads")) return "create";
  if (query.has("partNumber")) return "part";
  return query.has("uploadId") ? "complete" : method.toLowerCase();
}

/** Puts, looks at and reads a small and a large object; all requests by their kind. */
async function used({ store, stub }: Place): Promise<Map<string, Asked[]>> {
  for (const [key, size] of [
    ["small", 1000],
    ["large", LARGE],
  ] as const) {
    await store.put(key, body(key, size), { ifAbsent: true, ...waiting });
    assert.equal((await store.stat(key, waiting))?.size, size);
    assert.deepEqual(await read(store, key), pattern(key, size));
  }
  const kinds = Map.groupBy(stub.asked, kindOf);
  const counts = [...kinds].map(([kind, all]) => [kind, all.length] as const);
  // the look before each put is one more head, that for the lock of an upload another
  assert.deepEqual(Object.fromEntries(counts), {
    head: store.url.includes("lockMode") ? 5 : 4,
    put: 1,
    create: 1,
    part: 2,
    complete: 1,
    get: 2,
  });
  return kinds;
}

/** Values of a header in the requests of these kinds, and that no other request has it. */
function onlyIn(kinds: Map<string, Asked[]>, name: string, wanted: readonly string[]): string[] {
  const values = new Set<string>();
  for (const [kind, all] of kinds) {
    for (const { headers } of all) {
      assert.equal(headers[name] !== undefined, wanted.includes(kind), `${name} in ${kind}`);
      if (headers[name] !== undefined) values.add(String(headers[name]));
    }
  }
  return [...values];
}

test("Amazon's own names have the bucket in the host, and with pathStyle in the path", async () => {
  await using amazon = await place();
  await put(amazon.store, "a", 10);
  await using plain = await place("&pathStyle=true");
  await put(plain.store, "a", 10);
  const places = [amazon, plain].map(({ stub }) => stub.asked.map(({ host, path }) => host + path));
  assert.deepEqual(places, [
    ["backups.s3.eu-central-1.amazonaws.com/of/tests/a"],
    ["s3.eu-central-1.amazonaws.com/backups/of/tests/a"],
  ]);
});

test("encryption with the service's keys and with KMS is asked for where objects are made", async () => {
  const SSE = "x-amz-server-side-encryption";
  for (const [parameters, algorithm, key] of [
    ["&sse=AES256", "AES256", []],
    [`&sse=aws:kms&sseKmsKeyId=${KMS_KEY}`, "aws:kms", [KMS_KEY]],
  ] as const) {
    await using here = await place(parameters);
    const kinds = await used(here);
    assert.deepEqual(onlyIn(kinds, SSE, ["put", "create"]), [algorithm]);
    const wanted = key.length > 0 ? ["put", "create"] : [];
    assert.deepEqual(onlyIn(kinds, `${SSE}-aws-kms-key-id`, wanted), key);
  }
});

test("encryption may be confirmed for each part instead of the upload", async () => {
  for (const isConfirmed of [true, false]) {
    const s3 = s3Answers();
    const respond: Respond = (asked) => {
      const answer = s3(asked);
      const isSilent = kindOf(asked) === "create" || !isConfirmed;
      return isSilent && typeof answer === "object"
        ? { ...answer, headers: { etag: "x" } }
        : answer;
    };
    await using here = await place("&sse=AES256", respond);
    const putting = put(here.store, "large", LARGE);
    await (isConfirmed ? putting : fails("store-unsupported", putting));
  }
});

test("a key that the service does not have is told", async () => {
  const unknown: Respond = ({ method }) =>
    method === "PUT" ? s3Error(404, "kms:KeyNotFound") : s3Error(404, "NoSuchKey");
  await using here = await place(`&sse=aws:kms&sseKmsKeyId=of-nobody`, unknown);
  const expected = { code: "store-misconfigured", hint: /correct sseKmsKeyId/ };
  await assert.rejects(put(here.store, "a", 10), expected);
});

test("a key of the customer comes with every request about an object, and is told nobody else", async () => {
  await using folder = await scratch();
  const key = randomBytes(32);
  await writeFile(folder.file("key"), key);
  const customer = `&sse=customer&sseCustomerKeyFile=${folder.file("key")}`;
  await using here = await place(customer);
  const kinds = await used(here);
  const all = ["put", "create", "part", "complete", "head", "get"];
  const SSE = "x-amz-server-side-encryption-customer";
  assert.deepEqual(onlyIn(kinds, `${SSE}-algorithm`, all), ["AES256"]);
  assert.deepEqual(onlyIn(kinds, `${SSE}-key`, all), [key.toString("base64")]);
  const digest = createHash("md5").update(key).digest("base64");
  assert.deepEqual(onlyIn(kinds, `${SSE}-key-md5`, all), [digest]);

  // whoever lacks the key learns nothing, and no message holds it
  await writeFile(folder.file("other"), randomBytes(32));
  const url = `${here.store.url.replace("/key", "/other")}`;
  await using other = await openStore(url, { env: ENV, log: here.log, persistence: PERSISTENCE });
  const failure: unknown = await read(other, "small").catch((error: unknown) => error);
  await fails("store-misconfigured", read(other, "small"));
  const told = inspect(failure, { depth: 9 }) + here.log.lines.join("\n");
  for (const secret of [key.toString("base64"), key.toString("hex"), ENV.AWS_SECRET_ACCESS_KEY])
    assert.ok(!told.includes(secret));
});

test("a file that is no key, and parameters that need another, are told before anything is sent", async () => {
  await using folder = await scratch();
  await writeFile(folder.file("short"), randomBytes(31));
  await writeFile(folder.file("key"), randomBytes(32));
  for (const [parameters, words] of [
    [`sse=customer&sseCustomerKeyFile=${folder.file("short")}`, /found 31 bytes, wanted 32/],
    [`sse=customer&sseCustomerKeyFile=${folder.file("none")}`, /cannot read sseCustomerKeyFile/],
    ["sse=customer", /without sseCustomerKeyFile/],
    [
      `sse=customer&sseCustomerKeyFile=${folder.file("key")}&endpoint=http://127.0.0.1:1`,
      /unencrypted to an http/,
    ],
    ["sseKmsKeyId=x", /without sse=aws:kms/],
    ["lockMode=compliance", /without lockDays/],
  ] as const) {
    const opening = openStore(`s3://b?${parameters}`, { env: ENV, log: recordingLog() });
    await assert.rejects(opening, { code: "store-misconfigured", message: words });
  }
});

test("the storage class is asked for where objects are made", async () => {
  await using here = await place("&storageClass=STANDARD_IA");
  const kinds = await used(here);
  assert.deepEqual(onlyIn(kinds, "x-amz-storage-class", ["put", "create"]), ["STANDARD_IA"]);
});

/** The text, but before it so many blanks, with a pause after each. */
async function* late(text: string, blanks: number): AsyncGenerator<string> {
  for (let n = 0; n < blanks; n++) {
    yield " ";
    await sleep(100);
  }
  yield text;
}

test("what comes slowly is waited for, however long it takes", async () => {
  const s3 = s3Answers();
  const slowly: Respond = (asked) => {
    const answer = s3(asked);
    return kindOf(asked) === "complete" && answer !== undefined && answer !== "reset"
      ? { ...answer, body: late(String(answer.body), 35) }
      : answer;
  };
  await using here = await place("", slowly, { ...PERSISTENCE, stallMs: 3000 });
  await put(here.store, "large", LARGE);
  assert.equal(here.stub.asked.filter((asked) => kindOf(asked) === "complete").length, 1);
});

test("an answer that is none of S3's is told, with what to look at", async () => {
  const line = "Client sent an HTTP request to an HTTPS server.\n";
  await using here = await place("", () => ({ status: 400, body: line }));
  const expected = {
    code: "store-misconfigured",
    message: /the answer is none of S3's \(status 400\)/,
    hint: /https:\/\/ for a service with TLS/,
  };
  await assert.rejects(read(here.store, "a"), expected);
});

test("a failure that comes behind the status of a success is one", async () => {
  const s3 = s3Answers();
  let isFirst = true;
  const failing: Respond = (asked) => {
    if (kindOf(asked) !== "complete" || !isFirst) return s3(asked);
    isFirst = false;
    return { ...s3Error(500, "InternalError"), status: 200 };
  };
  await using here = await place("", failing);
  await put(here.store, "large", LARGE);
  assert.deepEqual(await read(here.store, "large"), pattern("large", LARGE));
  assert.ok(here.log.lines.some((line) => /^warn complete .*InternalError/.test(line)));
});

test("an upload that failed is aborted again where a part may still arrive and bring it back", async () => {
  const s3 = s3Answers();
  const refusing: Respond = (asked) =>
    kindOf(asked) === "part" ? s3Error(403, "AccessDenied") : s3(asked);
  await using here = await place("", refusing);
  await fails("store-refused", put(here.store, "large", LARGE));
  const aborted = here.stub.asked.filter(({ method }) => method === "DELETE");
  assert.deepEqual(
    aborted.map(({ path, query }) => `${path} ${query.get("uploadId")}`),
    Array(3).fill("/of/tests/large 1"),
  );
});

/** Unfinished uploads as S3 lists them, one on a page. */
function uploadsAnswer(
  uploads: readonly (readonly [key: string, id: string, time: string])[],
): Respond {
  return ({ method, query }) => {
    if (method === "DELETE") return { status: 204 };
    if (!query.has("uploads")) return undefined;
    const after = [query.get("key-marker") ?? "", query.get("upload-id-marker") ?? ""].join();
    const at = uploads.findIndex(([key, id]) => [key, id].join() > after);
    const [Key, UploadId, Initiated] = uploads[at]!;
    const one = `<Upload><Key>${Key}</Key><UploadId>${UploadId}</UploadId><Initiated>${Initiated}</Initiated></Upload>`;
    const next = `<IsTruncated>${at + 1 < uploads.length}</IsTruncated><NextKeyMarker>${Key}</NextKeyMarker><NextUploadIdMarker>${UploadId}</NextUploadIdMarker>`;
    return { body: `<ListMultipartUploadsResult>${next}${one}</ListMultipartUploadsResult>` };
  };
}

test("a sweep goes through all pages of unfinished uploads, and leaves the young ones", async () => {
  const [old, young] = ["2026-01-01T00:00:00.000Z", new Date().toISOString()];
  const uploads = [
    ["of/tests/a", "1", old],
    ["of/tests/a", "2", old],
    ["of/tests/a", "3", young],
    ["of/tests/b", "4", old],
    ["of/tests/no key", "5", old],
  ] as const;
  await using here = await place("", uploadsAnswer(uploads));
  assert.equal(await here.store.sweep(86_400_000, waiting), 3);
  const aborted = here.stub.asked.filter(({ method }) => method === "DELETE");
  assert.deepEqual(
    aborted.map(({ path, query }) => `${path} ${query.get("uploadId")}`),
    ["/of/tests/a 1", "/of/tests/a 2", "/of/tests/b 4"],
  );
  const lists = here.stub.asked.filter(({ query }) => query.has("uploads"));
  assert.deepEqual(new Set(lists.map(({ query }) => query.get("prefix"))), new Set(["of/tests/"]));
});

test("a sweep finds uploads also where a prefix has to be a whole key, and bears to hear that there are none", async () => {
  const old = "2026-01-01T00:00:00.000Z";
  const all = uploadsAnswer([
    ["of/others/a", "1", old],
    ["of/tests/b", "2", old],
  ]);
  const likeMinio: Respond = (asked) =>
    asked.query.get("prefix") ? { body: "<ListMultipartUploadsResult/>" } : all(asked);
  await using here = await place("", likeMinio);
  assert.equal(await here.store.sweep(86_400_000, waiting), 1);
  const aborted = here.stub.asked.filter(({ method }) => method === "DELETE");
  assert.deepEqual(
    aborted.map(({ path }) => path),
    ["/of/tests/b"],
  );
  await using rclone = await place("", () => s3Error(404, "NoSuchUpload"));
  assert.equal(await rclone.store.sweep(1, waiting), 0);
});

test("a list of unfinished uploads that goes round in a circle is told", async () => {
  const page = "<IsTruncated>true</IsTruncated><NextKeyMarker>a</NextKeyMarker>";
  const list = `<ListMultipartUploadsResult>${page}</ListMultipartUploadsResult>`;
  await using here = await place("", () => ({ body: list }));
  await fails("store-wrong-answer", here.store.sweep(1, waiting));
});

test("a lock is asked for where objects are made, with a digest of every body", async () => {
  for (const mode of ["governance", "compliance"]) {
    await using here = await place(`&lockMode=${mode}&lockDays=30`);
    const kinds = await used(here);
    const made = ["put", "create"];
    assert.deepEqual(onlyIn(kinds, "x-amz-object-lock-mode", made), [mode.toUpperCase()]);
    const dates = onlyIn(kinds, "x-amz-object-lock-retain-until-date", made);
    for (const date of dates) {
      const days = (Date.parse(date) - Date.now()) / 86_400_000;
      assert.ok(days > 29.9 && days <= 30, date);
    }
    for (const { body: bytes, headers } of [...kinds.get("put")!, ...kinds.get("part")!])
      assert.equal(headers["content-md5"], createHash("md5").update(bytes).digest("base64"));
    const { lockedUntilMs } = (await here.store.stat("large", waiting))!;
    assert.ok(
      dates.some((date) => Date.parse(date) === lockedUntilMs),
      `${lockedUntilMs}`,
    );
  }
});

test("a bucket that locks whatever comes asks for a digest, and gets one from then on", async () => {
  const s3 = s3Answers();
  let refusals = 0;
  const locking: Respond = (asked) => {
    const isBody = ["put", "part"].includes(kindOf(asked)) && asked.method === "PUT";
    if (!isBody || asked.headers["content-md5"] !== undefined) return s3(asked);
    refusals++;
    const words = "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests";
    return s3Error(400, "InvalidRequest", `${words} with Object Lock parameters`);
  };
  await using here = await place("", locking);
  await put(here.store, "small", 1000);
  await put(here.store, "large", LARGE);
  assert.equal(refusals, 1);
  assert.deepEqual(await read(here.store, "large"), pattern("large", LARGE));
  await using probing = await place("", locking);
  assert.equal((await probing.store.capabilities(waiting)).conditionalPut, true);
});

test("a condition counts only where that of an upload does too, and what was tried goes away", async () => {
  for (const isHonoured of [true, false]) {
    const s3 = s3Answers();
    const respond: Respond = (asked) => {
      if (isHonoured || kindOf(asked) !== "complete") return s3(asked);
      const { "if-none-match": _ignored, ...headers } = asked.headers;
      return s3({ ...asked, headers });
    };
    await using here = await place("", respond);
    assert.equal((await here.store.capabilities(waiting)).conditionalPut, isHonoured);
    const removed = here.stub.asked.filter(({ method }) => method === "DELETE");
    assert.deepEqual(
      removed.map(({ query }) => [...query.keys()].includes("uploadId")),
      [true, false],
    );
  }
});

test("the lock of an upload that the service forgot is asked for again", async () => {
  const s3 = s3Answers();
  const forgetting: Respond = (asked) => {
    if (asked.query.has("retention")) return {};
    if (kindOf(asked) !== "create") return s3(asked);
    const kept = Object.entries(asked.headers).filter(([name]) => !/object-lock/.test(name));
    return s3({ ...asked, headers: Object.fromEntries(kept) });
  };
  await using here = await place("&lockMode=compliance&lockDays=30", forgetting);
  for (const [key, size] of [
    ["small", 10],
    ["large", LARGE],
  ] as const)
    await put(here.store, key, size);
  const [asked, ...others] = here.stub.asked.filter(({ query }) => query.has("retention"));
  assert.deepEqual([asked?.method, asked?.path, others], ["PUT", "/of/tests/large", []]);
  const text = asked!.body.toString();
  assert.match(text, /<Mode>COMPLIANCE</);
  const days = (Date.parse(/Date>([^<]+)/.exec(text)![1]!) - Date.now()) / 86_400_000;
  assert.ok(days > 29.9 && days <= 30, text);
});

test("who may not ask for locks and versions learns of them by what is put", async () => {
  const s3 = s3Answers();
  const refusing: Respond = (asked) => {
    if (asked.query.has("object-lock") || asked.query.has("versioning"))
      return s3Error(403, "AccessDenied");
    const answer = s3(asked);
    if (kindOf(asked) !== "put" || answer === undefined || answer === "reset") return answer;
    return { ...answer, headers: { ...answer.headers, "x-amz-version-id": "v1" } };
  };
  await using plain = await place("", refusing);
  const expected = { conditionalPut: true, objectLock: false, versioning: true };
  assert.deepEqual(await plain.store.capabilities(waiting), expected);
  await using locking = await place("&lockMode=governance&lockDays=1", refusing);
  assert.deepEqual(await locking.store.capabilities(waiting), { ...expected, objectLock: true });

  // a delete would only hide what somebody else has locked
  await put(locking.store, "a", 10);
  await fails("object-locked", plain.store.delete("a", waiting));
});
