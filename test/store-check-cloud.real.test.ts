/** What `store check` says of clouds where something is wrong: each failure with its reason. */
import { PutBucketPolicyCommand } from "@aws-sdk/client-s3";
import assert from "node:assert/strict";
import { after, before, mock, test } from "node:test";
import { silentLog } from "../src/io/log.ts";
import { checkStore, type CheckStep } from "../src/store/check.ts";
import { openStore } from "../src/store/open.ts";
import { waiting } from "./support/store-subject.ts";
import { S3_ENV, s3URL, startS3, type S3Service } from "./support/versitygw.ts";

const IMPATIENT = { stallMs: 60_000, noProgressMs: 300, firstPauseMs: 5 };

let service: S3Service;
before(async () => void (service = await startS3()));
after(() => service[Symbol.asyncDispose]());

/** The steps by their name. */
async function checked(url: string, env: object = S3_ENV): Promise<Map<string, CheckStep>> {
  await using store = await openStore(url, {
    env: { ...env },
    log: silentLog,
    persistence: IMPATIENT,
  });
  const { steps } = await checkStore(store, { bytes: 9 << 20, ...waiting });
  return new Map(steps.map((step) => [step.name, step]));
}

/** Every one of these failed, and says why. */
function saysWhy(steps: Map<string, CheckStep>, names: readonly string[], why: RegExp): void {
  for (const name of names) {
    const { outcome, message, hint = "" } = steps.get(name)!;
    assert.equal(outcome, "failed", `${name}: ${message}`);
    assert.match(`${message}; ${hint}`, why);
  }
}

test("a clock that is wrong is the reason of every step", async () => {
  const bucket = await service.createBucket();
  mock.timers.enable({ apis: ["Date"], now: Date.now() - 3_600_000 });
  try {
    const steps = await checked(s3URL(bucket, service.endpoint));
    saysWhy(steps, ["list", "write"], /the clocks .* differ too much.*NTP/);
  } finally {
    mock.timers.reset();
  }
});

test("a region that is wrong", async () => {
  const bucket = await service.createBucket();
  const steps = await checked(s3URL(bucket, service.endpoint, "&region=eu-north-1"));
  saysWhy(steps, ["list", "write"], /region is the wrong one .*write region=us-east-1/);
});

test("rights that are missing, by their names", async () => {
  const bucket = await service.createBucket();
  const env = await service.createUser("writer");
  const grant = async (...actions: string[]): Promise<void> => {
    const Resource = [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`];
    const Principal = { AWS: ["writer"] };
    const Statement = actions.map((Action, at) => ({
      Effect: "Allow",
      Principal,
      Action,
      Resource: Resource[/List/.test(Action) ? 0 : 1]!,
      Sid: `s${at}`,
    }));
    const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
    await service.client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
  };
  const url = s3URL(bucket, service.endpoint);
  saysWhy(await checked(url, env), ["list"], /access denied .*grant s3:ListBucket/);
  saysWhy(await checked(url, env), ["write"], /access denied .*grant s3:PutObject/);
  await grant("s3:PutObject");
  const writing = await checked(url, env);
  saysWhy(writing, ["read", "stat"], /access denied .*grant s3:GetObject/);
  await grant("s3:PutObject", "s3:GetObject", "s3:ListBucket");
  const reading = await checked(url, env);
  saysWhy(reading, ["delete"], /access denied .*grant s3:DeleteObject/);
});
