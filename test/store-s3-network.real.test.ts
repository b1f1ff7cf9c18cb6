/** The way to S3: certificates, proxies, names of hosts; a real service under Amazon's own names. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { inspect } from "node:util";
import { HoldfastError } from "../src/errors.ts";
import { silentLog } from "../src/io/log.ts";
import { openStore } from "../src/store/open.ts";
import type { Store } from "../src/store/store.ts";
import { body, pattern } from "./support/body.ts";
import { certificate, makeCertificates, type CertificateName } from "./support/certificates.ts";
import { freeURLs } from "./support/etcd.ts";
import { forwardProxy } from "./support/forward-proxy.ts";
import { scratch, type Scratch } from "./support/scratch.ts";
import { shutter } from "./support/shutting.ts";
import { keys, put, read, waiting } from "./support/store-subject.ts";
import { AMAZON, S3_ENV, startS3, uploadsIn, type S3Service } from "./support/versitygw.ts";

const LARGE = 9 << 20;
const IMPATIENT = { stallMs: 60_000, noProgressMs: 300, firstPauseMs: 5 };

let folder: Scratch;
let service: S3Service;
before(async () => {
  folder = await scratch();
  await makeCertificates(folder.path);
  service = await startS3({ tls: certificate(folder.path, "cloud") });
});
after(async () => {
  await service[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function opened(bucket: string, parameters: string, env: object = {}): Promise<Store> {
  const url = `s3://${bucket}/of/tests?region=${AMAZON.region}${parameters}`;
  const options = { env: { ...S3_ENV, ...env }, log: silentLog, persistence: IMPATIENT };
  return openStore(url, options);
}

const port = (): number => Number(new URL(service.endpoint).port);
const ca = (): string => `&caFile=${certificate(folder.path, "cloud").caFile}`;
const direct = (): string => `&endpoint=${service.endpoint}&pathStyle=true`;

test("everything goes through a proxy, to the bucket's own host, with a private authority", async () => {
  const bucket = await service.createBucket();
  await using proxy = await forwardProxy(port);
  await using store = await opened(bucket, `&proxy=${proxy.url}${ca()}`);
  const conditional = { ifAbsent: true, ...waiting };
  await store.put("large", body("large", LARGE), conditional);
  await assert.rejects(store.put("large", body("large", LARGE), conditional), {
    code: "object-exists",
  });
  assert.deepEqual(await read(store, "large"), pattern("large", LARGE));
  assert.deepEqual(await keys(store), ["large"]);
  assert.equal((await store.capabilities(waiting)).conditionalPut, true);
  await store.delete("large", waiting);
  assert.deepEqual(await uploadsIn(service, bucket), []);
  const host = `${bucket}.${AMAZON.host}:443`;
  for (const passage of proxy.passages)
    assert.deepEqual(passage, { method: "CONNECT", host, authorization: undefined });
});

test("the proxy of the environment, its password, and those who need none", async () => {
  const bucket = await service.createBucket();
  const basic = (login: string): string => `Basic ${Buffer.from(login).toString("base64")}`;
  await using proxy = await forwardProxy(port, (one) => one.authorization === basic("me:pass"));
  const HTTPS_PROXY = proxy.url.replace("//", "//me:pass@");
  for (const [parameters, env] of [
    [ca(), { HTTPS_PROXY }],
    [ca(), { https_proxy: HTTPS_PROXY }],
    [`${ca()}&proxy=${proxy.url}`, { HTTPS_PROXY, NO_PROXY: "*" }],
  ] as const) {
    await using store = await opened(bucket, parameters, env);
    const soFar = proxy.passages.length;
    assert.deepEqual(await keys(store), []);
    assert.ok(proxy.passages.length > soFar);
  }
  const seen = proxy.passages.length;
  await using near = await opened(bucket, direct() + ca(), { HTTPS_PROXY });
  await put(near, "a", 10);
  // nobody looks up Amazon's own name from here
  for (const NO_PROXY of [".amazonaws.com", "example.test,*"]) {
    await using beside = await opened(bucket, ca(), { HTTPS_PROXY, NO_PROXY });
    await assert.rejects(keys(beside), { code: "store-unreachable" });
  }
  assert.equal(proxy.passages.length, seen);
});

test("a service in plain is reached through HTTP_PROXY", async () => {
  await using plain = await startS3();
  const bucket = await plain.createBucket();
  await using proxy = await forwardProxy(() => Number(new URL(plain.endpoint).port));
  const url = `s3://${bucket}/of/tests?endpoint=http://s3.example.test&pathStyle=true`;
  const env = { ...S3_ENV, HTTP_PROXY: proxy.url };
  await using store = await openStore(url, { env, log: silentLog, persistence: IMPATIENT });
  await put(store, "large", LARGE);
  assert.deepEqual(await read(store, "large"), pattern("large", LARGE));
  assert.ok(proxy.passages.every(({ host }) => host === "s3.example.test"));
});

test("proxy= leads to the endpoint beside it, on this machine as well", async () => {
  await using plain = await startS3();
  const bucket = await plain.createBucket();
  await using proxy = await forwardProxy(() => Number(new URL(plain.endpoint).port));
  const url = `s3://${bucket}/of/tests?endpoint=${plain.endpoint}&pathStyle=true&proxy=${proxy.url}`;
  await using store = await openStore(url, { env: S3_ENV, log: silentLog, persistence: IMPATIENT });
  await put(store, "small", 10);
  assert.ok(proxy.passages.length > 0);
});

test("a proxy that refuses, or that is not there, is told, without its password", async () => {
  const bucket = await service.createBucket();
  await using proxy = await forwardProxy(port, () => false);
  const refused = { code: "store-misconfigured", words: /the proxy refuses \(status 407\)/ };
  const [nobody] = await freeURLs(1);
  for (const [parameters, env, { code, words }] of [
    [ca(), { HTTPS_PROXY: proxy.url.replace("//", "//me:hunter2@") }, refused],
    [`${ca()}&proxy=${proxy.url}`, {}, refused],
    ["&endpoint=http://s3.example.test&pathStyle=true", { HTTP_PROXY: proxy.url }, refused],
    [`&proxy=${nobody}`, {}, { code: "store-unreachable", words: /nobody listens there/ }],
  ] as const) {
    await using store = await opened(bucket, parameters, env);
    for (const call of [() => keys(store), () => put(store, "large", LARGE)]) {
      const failure: unknown = await call().catch((error: unknown) => error);
      assert.ok(failure instanceof HoldfastError, inspect(failure));
      assert.equal(failure.code, code);
      assert.match(failure.message, words);
      assert.doesNotMatch(inspect(failure, { depth: 9 }), /hunter2/);
    }
  }
});

test("a variable that names no proxy is refused, without its password", async () => {
  for (const value of [
    "me:hunter2@proxy.example:3128",
    "socks5://me:hunter2@proxy.example",
    "http://me:hunter2@proxy.example:99999",
    "http://me:hunter2%zz@proxy.example:3128",
  ]) {
    for (const name of ["HTTPS_PROXY", "http_proxy"]) {
      const failure: unknown = await opened("bucket", ca(), { [name]: value }).catch(
        (error: unknown) => error,
      );
      assert.ok(failure instanceof HoldfastError, `${name}=${value}`);
      assert.equal(failure.code, "store-misconfigured");
      assert.match(failure.message, new RegExp(`cannot use ${name}`, "i"));
      assert.doesNotMatch(inspect(failure, { depth: 9 }), /hunter2/);
    }
  }
});

test("each certificate that does not hold is told by its reason", async () => {
  const bucket = await service.createBucket();
  const cases: readonly (readonly [CertificateName, RegExp])[] = [
    ["server-expired", /has expired, or the clock/],
    ["server-other-name", /is for another name/],
    ["foreign-server", /comes from an unknown authority/],
  ];
  for (const [name, words] of cases) {
    const { certFile, keyFile } = certificate(folder.path, name);
    const tls = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
    const server = createServer(tls);
    const shut = shutter(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await using store = await opened(bucket, `&endpoint=${address}&pathStyle=true${ca()}`);
    await assert.rejects(keys(store), { code: "store-misconfigured", message: words });
    await assert.rejects(put(store, "a", LARGE), { code: "store-misconfigured", message: words });
    await shut();
  }
  await using unknown = await opened(bucket, direct());
  const untrusted = { code: "store-misconfigured", message: /unknown authority/ };
  await assert.rejects(keys(unknown), untrusted);
});

test("a file that holds no authority is told before anything is asked", async () => {
  const damaged = folder.file("damaged.crt");
  const pem = readFileSync(certificate(folder.path, "cloud").caFile, "utf8");
  await writeFile(damaged, pem.replace(/\n[^\n]+\n-----END/, "\n-----END"));
  for (const [path, message] of [
    ["/nowhere/ca.crt", /cannot read caFile "\/nowhere\/ca.crt": no such file/],
    [certificate(folder.path, "cloud").keyFile, /holds no certificate in PEM/],
    [damaged, /a certificate in it is damaged/],
  ] as const) {
    const options = { env: S3_ENV, log: silentLog, persistence: IMPATIENT };
    const opening = openStore(`s3://bucket?caFile=${path}`, options);
    await assert.rejects(opening, { code: "store-misconfigured", message });
  }
});

test("TLS where there is none, and none where there is", async () => {
  await using plain = await startS3();
  const there = plain.endpoint.replace("http:", "https:");
  await using store = await opened("bucket", `&endpoint=${there}&pathStyle=true`);
  await assert.rejects(keys(store), { code: "store-misconfigured", message: /does not speak TLS/ });
  const here = service.endpoint.replace("https:", "http:");
  await using other = await opened("bucket", `&endpoint=${here}&pathStyle=true`);
  await assert.rejects(keys(other), /cannot list/);
});
