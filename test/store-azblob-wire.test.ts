/** What the driver for Azure says on the wire where it would take the emulator thousands of objects. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../src/io/log.ts";
import { openStore } from "../src/store/open.ts";
import { cloudStub, type Asked, type Respond } from "./support/cloud-stub.ts";
import { keys, waiting } from "./support/store-subject.ts";

const env = { AZURE_STORAGE_KEY: Buffer.from("s3cret-of-the-tests").toString("base64") };
const persistence = { stallMs: 60_000, noProgressMs: 300, firstPauseMs: 5 };

const [OLD, YOUNG] = ["Thu, 01 Jan 2026 00:00:00 GMT", new Date().toUTCString()];

/** One object on a page. */
const LISTED = [
  { name: "x/a", size: 0, time: OLD, isCommitted: false },
  { name: "x/b", size: 0, time: YOUNG, isCommitted: false },
  { name: "x/c", size: 7, time: OLD, isCommitted: true },
  { name: "x/d", size: 0, time: OLD, isCommitted: true },
  { name: "x/e", size: 0, time: OLD, isCommitted: false },
];

/** As the service answers, with pages of one object, and names that hold blocks only when they are asked for. */
const respond: Respond = ({ method, path, query }) => {
  if (query.get("comp") === "list") {
    const isWhole = query.get("include")?.includes("uncommittedblobs") === true;
    const all = LISTED.filter(({ isCommitted }) => isWhole || isCommitted);
    const at = Number(query.get("marker") ?? 0);
    const { name, size, time } = all[at]!;
    const properties = `<Properties><Content-Length>${size}</Content-Length><Last-Modified>${time}</Last-Modified></Properties>`;
    const blob = `<Blobs><Blob><Name>${name}</Name>${properties}</Blob></Blobs>`;
    const next = at + 1 < all.length ? String(at + 1) : "";
    const body = `<EnumerationResults>${blob}<NextMarker>${next}</NextMarker></EnumerationResults>`;
    return { body };
  }
  if (method === "PUT") return { status: 201, headers: { etag: '"of the empty one"' } };
  if (method === "DELETE") return { status: 202 };
  const found = LISTED.find(({ name, isCommitted }) => isCommitted && path.endsWith(name));
  if (found === undefined) return { status: 404, headers: { "x-ms-error-code": "BlobNotFound" } };
  return { headers: { "content-length": String(found.size), "last-modified": found.time } };
};

test("lists and sweeps go through all pages; only old blocks without an object are thrown away", async () => {
  await using stub = await cloudStub(respond);
  const url = `azblob://holdfasttest/backups/x?${stub.parameters}`;
  await using store = await openStore(url, { env, log: silentLog, persistence });
  assert.deepEqual(await keys(store), ["c", "d"]);
  assert.equal(await store.sweep(86_400_000, waiting), 2);
  const done = ({ method, path, headers }: Asked): string =>
    `${method} ${path} ${headers["if-none-match"] ?? headers["if-match"]}`;
  assert.deepEqual(stub.asked.filter(({ method }) => /PUT|DELETE/.test(method)).map(done), [
    "PUT /backups/x/a *",
    'DELETE /backups/x/a "of the empty one"',
    "PUT /backups/x/e *",
    'DELETE /backups/x/e "of the empty one"',
  ]);
});
