/** The driver for S3 against a real service, and against one that misbehaves. */
import { DeleteObjectCommand, HeadObjectCommand } from "@aws-sdk/client-s3";
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ErrorCode, HoldfastError } from "../src/errors.ts";
import { silentLog } from "../src/io/log.ts";
import { openStore } from "../src/store/open.ts";
import type { Store } from "../src/store/store.ts";
import { pattern } from "./support/body.ts";
import { freeURLs } from "./support/etcd.ts";
import { faultProxy } from "./support/fault-proxy.ts";
import { storeContract } from "./support/store-contract.ts";
import { bearsFaults } from "./support/store-faults.ts";
import { fails, keys, put, read, waiting } from "./support/store-subject.ts";
import {
  S3_ENV,
  s3Subject,
  s3URL,
  startS3,
  uploadsIn,
  type S3Service,
} from "./support/versitygw.ts";

const IMPATIENT = { stallMs: 4000, noProgressMs: 300, firstPauseMs: 5 };

let service: S3Service;
before(async () => void (service = await startS3()));
after(() => service[Symbol.asyncDispose]());

storeContract("S3", {
  open: () => s3Subject(service),
  expected: { conditionalPut: true, objectLock: false, versioning: false },
});

bearsFaults("S3", {
  endpoint: () => service.endpoint,
  subject: (open) => s3Subject(service, open),
  throttling: {
    kind: "answer",
    status: 503,
    headers: { "content-type": "application/xml" },
    body: "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>",
  },
});

/** A store in a bucket, with other parameters or credentials than the right ones. */
async function opened(bucket: string, parameters = "", env = S3_ENV): Promise<Store> {
  const url = s3URL(bucket, service.endpoint, parameters);
  return openStore(url, { env, log: silentLog, persistence: IMPATIENT });
}

/** Large bodies as well: those are refused by a reset. */
async function everythingFails(store: Store, code: ErrorCode, words: RegExp): Promise<void> {
  const calls = [
    put(store, "small", 10),
    put(store, "middle", 8 << 20),
    put(store, "large", 20 << 20),
    read(store, "small"),
    keys(store),
  ];
  for (const call of await Promise.allSettled(calls)) {
    assert.equal(call.status, "rejected");
    const { code: found, message } = call.reason as HoldfastError;
    assert.equal(found, code, message);
    assert.match(message, words);
  }
  await store[Symbol.asyncDispose]();
}

test("wrong keys, buckets and regions are told by name", async () => {
  const bucket = await service.createBucket();
  const secret = { ...S3_ENV, AWS_SECRET_ACCESS_KEY: "wrong-secret-of-somebody" };
  const user = { ...S3_ENV, AWS_ACCESS_KEY_ID: "AKIANOBODY" };
  await everythingFails(await opened(bucket, "", secret), "store-refused", /secret key/);
  await everythingFails(await opened(bucket, "", user), "store-refused", /access key/);
  const session = { ...S3_ENV, AWS_SESSION_TOKEN: "of-yesterday" };
  await using stale = await opened(bucket, "", session);
  await assert.rejects(keys(stale), { code: "store-refused", hint: /check AWS_SESSION_TOKEN/ });
  await everythingFails(await opened("no-such-bucket"), "store-misconfigured", /no bucket/);
  await fails("store-misconfigured", (await opened("no-such-bucket")).stat("a", waiting));
  await everythingFails(
    await opened(bucket, "&region=eu-north-1"),
    "store-misconfigured",
    /region/,
  );
  await everythingFails(await opened("b1"), "store-misconfigured", /no bucket can have this name/);
  await everythingFails(
    await opened(bucket, "&region=eu%20north"),
    "store-misconfigured",
    /region="eu north"/,
  );
});

test("a clock that is wrong, a session that is over and a missing right are told", async () => {
  const bucket = await service.createBucket();
  for (const [code, message, expected, words] of [
    ["RequestTimeTooSkewed", "The difference is too large.", "store-misconfigured", /clocks/],
    ["ExpiredToken", "The provided token has expired.", "store-refused", /expired/],
    ["AccessDenied", "Access Denied", "store-refused", /access denied/],
  ] as const) {
    await using proxy = await faultProxy(service.endpoint);
    const text = `<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
    const headers = { "content-type": "application/xml" };
    const fault = { kind: "answer", status: 403, headers, body: text } as const;
    proxy.inject({ times: Infinity, fault });
    const store = await openStore(s3URL(bucket, proxy.url), {
      env: S3_ENV,
      log: silentLog,
      persistence: IMPATIENT,
    });
    await everythingFails(store, expected, words);
  }
});

test("nobody who listens is told, and waited for no longer than said", async () => {
  const [nobody] = await freeURLs(1);
  const options = { env: S3_ENV, log: silentLog, persistence: IMPATIENT };
  await using store = await openStore(s3URL("bucket", nobody!), options);
  await fails("store-unreachable", keys(store));
  await fails("store-unreachable", put(store, "a", 10));
  await assert.rejects(keys(store), { message: new RegExp(new URL(nobody!).host) });
});

test("encryption that the service does not confirm is an error, and nothing stays", async () => {
  const bucket = await service.createBucket();
  for (const sse of ["AES256", "aws:kms"]) {
    await using store = await opened(bucket, `&sse=${sse}`);
    for (const size of [10, 20 << 20]) await fails("store-unsupported", put(store, "a", size));
    assert.deepEqual(await keys(store), []);
  }
  assert.deepEqual(await uploadsIn(service, bucket), []);
});

test("a lock in a bucket that has none is told, with what to do", async () => {
  await using store = await opened(await service.createBucket(), "&lockMode=governance&lockDays=1");
  const hint = /make the bucket with object lock/;
  await assert.rejects(put(store, "a", 10), { code: "store-misconfigured", hint });
});

test("objects under a lock of either mode say until when, and are not deleted", async () => {
  const bucket = await service.createBucket({ lock: true });
  for (const mode of ["governance", "compliance"]) {
    await using store = await opened(bucket, `&lockMode=${mode}&lockDays=1`);
    const expected = { conditionalPut: true, objectLock: true, versioning: true };
    assert.deepEqual(await store.capabilities(waiting), expected);
    for (const [kind, size] of [
      ["small", 10],
      ["large", 20 << 20],
    ] as const) {
      const key = `${mode}-${kind}`;
      await put(store, key, size);
      const { lockedUntilMs = 0 } = (await store.stat(key, waiting))!;
      assert.ok(Math.abs(lockedUntilMs - Date.now() - 86_400_000) < 3_600_000, `${lockedUntilMs}`);
      await fails("object-locked", store.delete(key, waiting));
      assert.deepEqual(await read(store, key), pattern(key, size));
      const target = { Bucket: bucket, Key: `of/tests/${key}` };
      const { ObjectLockMode, VersionId } = await service.client.send(
        new HeadObjectCommand(target),
      );
      assert.equal(ObjectLockMode, mode.toUpperCase());
      const removing = new DeleteObjectCommand({ ...target, VersionId });
      await assert.rejects(service.client.send(removing), { name: "AccessDenied" });
    }
  }
});
