/** What `store check` says of clouds where something is wrong: each failure with its reason. */
import { PutBucketPolicyCommand } from "@aws-sdk/client-s3";
import assert from "node:assert/strict";
import { after, before, mock, test } from "node:test";
import { silentLog } from "../src/io/log.ts";
import { checkStore, type CheckStep } from "../src/store/check.ts";
import { openStore } from "../src/store/open.ts";
import { scratch } from "./support/scratch.ts";
import { AZURE_KEY } from "./support/azurite.ts";
import { cloudStub, type Answer, type Respond } from "./support/cloud-stub.ts";
import { inEnvironment } from "./support/environment.ts";
import { s3Error } from "./support/s3-stub.ts";
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

/** The steps against a service that gives everybody the same answer, under the cloud's own names. */
async function refused(
  url: string,
  env: object,
  respond: Respond,
): Promise<Map<string, CheckStep>> {
  await using stub = await cloudStub(respond);
  return await checked(`${url}${stub.parameters}`, env);
}

test("a bucket of Amazon's that is in another region", async () => {
  const elsewhere = { "x-amz-bucket-region": "eu-west-1" };
  for (const [status, code] of [
    [301, "PermanentRedirect"],
    [400, "AuthorizationHeaderMalformed"],
  ] as const) {
    const answer = { ...s3Error(status, code), headers: elsewhere };
    const steps = await refused("s3://backups?region=eu-central-1&", S3_ENV, () => answer);
    saysWhy(steps, ["list", "write"], /region is the wrong one .*write region=eu-west-1/);
  }
});

test("Azure: a clock, a right, a key, a container", async () => {
  const url = "azblob://holdfasttest/backups?";
  const env = { AZURE_STORAGE_KEY: AZURE_KEY };
  const azure = (status: number, code: string, more = ""): Answer => ({
    status,
    headers: { "x-ms-error-code": code },
    body: `<Error><Code>${code}</Code><Message>It says no.\nRequestId:1</Message>${more}</Error>`,
  });
  const detail = (text: string): string =>
    `<AuthenticationErrorDetail>${text}</AuthenticationErrorDetail>`;
  const late = detail("Request date header too old: 'Tue, 24 Nov 2026 09:00:00 GMT'");
  const all = async (answer: Answer, names: readonly string[], why: RegExp): Promise<void> =>
    saysWhy(await refused(url, env, () => answer), names, why);
  await all(azure(403, "AuthenticationFailed", late), ["list", "write"], /clock .*NTP/);
  await all(azure(403, "AuthenticationFailed"), ["list", "write"], /key or the token does not fit/);
  await all(azure(403, "AuthorizationPermissionMismatch"), ["list"], /grant .*Reader \(SAS: l\)/);
  await all(
    azure(403, "AuthorizationPermissionMismatch"),
    ["write"],
    /grant .*Contributor \(SAS: w\)/,
  );
  await all(azure(403, "KeyBasedAuthenticationNotPermitted"), ["list"], /takes no keys/);
  await all(azure(404, "ContainerNotFound"), ["list", "write"], /no container of this name/);
});

test("Google: a right by its name, a bucket that is not there", async () => {
  const tokens: Respond = ({ host, path }) =>
    host === "127.0.0.1" && path.startsWith("/computeMetadata")
      ? {
          headers: { "metadata-flavor": "Google" },
          body: { access_token: "t", expires_in: 3600, token_type: "Bearer" },
        }
      : undefined;
  await using machine = await cloudStub(tokens);
  await using home = await scratch(); // the SDK makes folders in it
  const identity = {
    GCE_METADATA_HOST: new URL(machine.url).host,
    METADATA_SERVER_DETECTION: "assume-present",
    HOME: home.path,
  };
  const google = (code: number, message: string, reason: string): Answer => ({
    status: code,
    body: { error: { code, message, errors: [{ reason, message }] } },
  });
  await inEnvironment(identity, async (env) => {
    const all = async (answer: Answer, names: readonly string[], why: RegExp): Promise<void> =>
      saysWhy(await refused("gs://backups?", env, () => answer), names, why);
    const denied = google(403, "backup@tests does not have access to the bucket.", "forbidden");
    await all(denied, ["list"], /access denied .*grant storage.objects.list/);
    await all(denied, ["write"], /access denied .*grant storage.objects.create/);
    const missing = google(404, "The specified bucket does not exist.", "notFound");
    await all(missing, ["list", "write"], /no such bucket/);
  });
});
