/** Where the driver for S3 gets its credentials from, and that it goes on when they expire. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { inspect } from "node:util";
import { HoldfastError } from "../src/errors.ts";
import { openStore } from "../src/store/open.ts";
import type { Store } from "../src/store/store.ts";
import { pattern } from "./support/body.ts";
import {
  cloudStub,
  type Answer,
  type Asked,
  type CloudStub,
  type Respond,
} from "./support/cloud-stub.ts";
import { inEnvironment } from "./support/environment.ts";
import { recordingLog } from "./support/faulty-store.ts";
import { accessKeyOf, s3Answers, s3Error } from "./support/s3-stub.ts";
import { scratch } from "./support/scratch.ts";
import { keys, put, read, waiting } from "./support/store-subject.ts";

const LARGE = 25 << 20;
const PERSISTENCE = { stallMs: 60_000, noProgressMs: 60_000, firstPauseMs: 5 };
const IMPATIENT = { stallMs: 60_000, noProgressMs: 300, firstPauseMs: 5 };
const ROLE = "arn:aws:iam::111122223333:role/backup";
const NOWHERE = {
  AWS_EC2_METADATA_DISABLED: "true",
  AWS_SHARED_CREDENTIALS_FILE: "/nowhere/credentials",
  AWS_CONFIG_FILE: "/nowhere/config",
};

type Env = Readonly<Record<string, string>>;

interface Place {
  readonly stub: CloudStub;
  readonly log: ReturnType<typeof recordingLog>;
  open(parameters?: string): Promise<Store>;
}

/** A bucket at Amazon's, and `others` who give credentials; the driver looks for them in `variables` and in files. */
async function place(
  others: Respond,
  variables: (stub: CloudStub) => Env,
  work: (place: Place) => Promise<void>,
  persistence = PERSISTENCE,
): Promise<void> {
  const s3 = s3Answers();
  await using stub = await cloudStub((asked) => others(asked) ?? s3(asked));
  const log = recordingLog();
  await inEnvironment({ ...NOWHERE, ...variables(stub) }, async (env) => {
    const open = (parameters = "&region=eu-central-1"): Promise<Store> =>
      openStore(`s3://backups/x?${stub.parameters}${parameters}`, { env, log, persistence });
    await work({ stub, log, open });
  });
}

const nobody: Respond = () => undefined;

/** Puts one small object; the key and the session that it was signed with. */
async function signer({ stub, open }: Place, parameters?: string): Promise<readonly string[]> {
  await using store = await open(parameters);
  await put(store, "a", 10);
  const last = stub.asked.findLast(({ method }) => method === "PUT")!;
  return [accessKeyOf(last), String(last.headers["x-amz-security-token"])];
}

const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();
const HOUR_MS = 3_600_000;

/** As STS says it. */
function sts(action: string, name: string, lastsMs = HOUR_MS): Answer {
  const credentials = `<AccessKeyId>${name}</AccessKeyId><SecretAccessKey>secret-${name}</SecretAccessKey><SessionToken>session-${name}</SessionToken><Expiration>${inMs(lastsMs)}</Expiration>`;
  const result = `<${action}Result><Credentials>${credentials}</Credentials></${action}Result>`;
  const headers = { "content-type": "text/xml" };
  return { headers, body: `<${action}Response>${result}</${action}Response>` };
}

/** As the metadata of containers and machines say it. */
function metadata(name: string, lastsMs = HOUR_MS): Answer {
  const lasts = { Expiration: inMs(lastsMs), Code: "Success", Type: "AWS-HMAC" };
  const secret = { SecretAccessKey: `secret-${name}`, Token: `session-${name}` };
  return { body: { AccessKeyId: name, ...secret, ...lasts } };
}

test("keys of the environment, and a profile that the URL names before them", async () => {
  await using folder = await scratch();
  const credentials = folder.file("credentials");
  await writeFile(
    credentials,
    "[other]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = secret\naws_session_token = session\n",
  );
  const env = {
    AWS_ACCESS_KEY_ID: "AKIAENV",
    AWS_SECRET_ACCESS_KEY: "secret",
    AWS_SESSION_TOKEN: "session-env",
    AWS_PROFILE: "other",
    AWS_SHARED_CREDENTIALS_FILE: credentials,
  };
  await place(
    nobody,
    () => env,
    async (here) => {
      assert.deepEqual(await signer(here), ["AKIAENV", "session-env"]);
      const named = await signer(here, "&region=eu-central-1&profile=other");
      assert.deepEqual(named, ["AKIAPROFILE", "session"]);
    },
  );
});

test("a profile of the shared files has keys and a region", async () => {
  await using folder = await scratch();
  const files = {
    AWS_SHARED_CREDENTIALS_FILE: folder.file("credentials"),
    AWS_CONFIG_FILE: folder.file("config"),
    AWS_PROFILE: "backup",
  };
  const secrets = "[backup]\naws_access_key_id = AKIAFILE\naws_secret_access_key = secret\n";
  await writeFile(files.AWS_SHARED_CREDENTIALS_FILE, secrets);
  await writeFile(files.AWS_CONFIG_FILE, "[profile backup]\nregion = eu-central-1\n");
  await place(
    nobody,
    () => files,
    async (here) => {
      assert.deepEqual(await signer(here, ""), ["AKIAFILE", "undefined"]);
      assert.equal(here.stub.asked[0]!.host, "backups.s3.eu-central-1.amazonaws.com");
    },
  );
});

test("variables that are set to nothing are not set", async () => {
  await using folder = await scratch();
  const AWS_SHARED_CREDENTIALS_FILE = folder.file("credentials");
  const secrets = "[default]\naws_access_key_id = AKIAFILE\naws_secret_access_key = secret\n";
  await writeFile(AWS_SHARED_CREDENTIALS_FILE, secrets);
  const empty = Object.fromEntries(
    [
      "ACCESS_KEY_ID",
      "SECRET_ACCESS_KEY",
      "SESSION_TOKEN",
      "PROFILE",
      "REGION",
      "ENDPOINT_URL",
    ].map((name) => [`AWS_${name}`, ""]),
  );
  await place(
    nobody,
    () => ({ ...empty, AWS_DEFAULT_REGION: "eu-central-1", AWS_SHARED_CREDENTIALS_FILE }),
    async (here) => assert.deepEqual(await signer(here, ""), ["AKIAFILE", "undefined"]),
  );
});

test("variables that no request can be made with are refused by their names, and not repeated", async () => {
  const good = { AWS_ACCESS_KEY_ID: "AKIAENV", AWS_SECRET_ACCESS_KEY: "hunter2" };
  for (const [name, value] of [
    ["AWS_ACCESS_KEY_ID", "AKIAENV\n"],
    ["AWS_SECRET_ACCESS_KEY", "hunter2\n"],
    ["AWS_SESSION_TOKEN", "hunter2 hunter2"],
    ["AWS_ENDPOINT_URL", "me:hunter2@minio.example"],
    ["AWS_ENDPOINT_URL_S3", "localhost:9000"],
  ] as const) {
    const options = { env: { ...good, [name]: value }, log: recordingLog() };
    const failure: unknown = await openStore("s3://b", options).catch((error: unknown) => error);
    assert.ok(failure instanceof HoldfastError, name);
    assert.equal(failure.code, "store-misconfigured");
    assert.match(failure.message, new RegExp(`cannot use ${name}:`));
    assert.doesNotMatch(inspect(failure, { depth: 9 }), /hunter2/);
  }
});

test("a profile with a role asks for it with the keys of another", async () => {
  await using folder = await scratch();
  const AWS_CONFIG_FILE = folder.file("config");
  await writeFile(
    AWS_CONFIG_FILE,
    `[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = secret\n[profile backup]\nrole_arn = ${ROLE}\nsource_profile = base\nregion = eu-central-1\n`,
  );
  await place(
    ({ host }) => (host.startsWith("sts.") ? sts("AssumeRole", "ASIAROLE") : undefined),
    () => ({ AWS_CONFIG_FILE, AWS_PROFILE: "backup" }),
    async (here) => {
      assert.deepEqual(await signer(here, ""), ["ASIAROLE", "session-ASIAROLE"]);
      const [asked] = here.stub.asked;
      assert.equal(asked!.host, "sts.eu-central-1.amazonaws.com");
      assert.equal(accessKeyOf(asked!), "AKIABASE");
      assert.equal(new URLSearchParams(String(asked!.body)).get("RoleArn"), ROLE);
    },
  );
});

/** Gives other credentials each time, and changes the token in its file; how long each lasts is said by the test. */
function webIdentity(
  file: string,
  lastsMs: readonly number[],
): { respond: Respond; tokens: string[] } {
  const tokens: string[] = [];
  const respond: Respond = ({ host, body }: Asked) => {
    if (!host.startsWith("sts.")) return undefined;
    const asked = new URLSearchParams(String(body));
    assert.equal(asked.get("Action"), "AssumeRoleWithWebIdentity");
    assert.equal(asked.get("RoleArn"), ROLE);
    tokens.push(asked.get("WebIdentityToken")!);
    const number = tokens.length;
    writeFileSync(file, `token-${number + 1}`);
    const lasts = lastsMs[Math.min(number, lastsMs.length) - 1]!;
    return sts("AssumeRoleWithWebIdentity", `ASIAWEB${number}`, lasts);
  };
  return { respond, tokens };
}

test("a web identity is exchanged for a role, and its token read anew when that expires", async () => {
  await using folder = await scratch();
  const token = folder.file("token");
  await writeFile(token, "token-1");
  // what lasts for so short a time is used, and renewed beside
  const { respond, tokens } = webIdentity(token, [60_000, HOUR_MS]);
  await place(
    respond,
    () => ({ AWS_ROLE_ARN: ROLE, AWS_WEB_IDENTITY_TOKEN_FILE: token }),
    async ({ stub, open }) => {
      await using store = await open();
      await put(store, "a", 10);
      for (let number = 0; tokens.length < 2; number++) await put(store, `b${number}`, 10);
      await put(store, "c", 10);
      assert.deepEqual(tokens.slice(0, 2), ["token-1", "token-2"]);
      const puts = stub.asked.filter(({ method }) => method === "PUT").map(accessKeyOf);
      assert.deepEqual([puts[0], puts.at(-1)], ["ASIAWEB1", "ASIAWEB2"]);
    },
  );
});

test("the role of a container", async () => {
  await place(
    ({ path, headers }) => {
      if (path !== "/container") return undefined;
      return headers.authorization === "token of the container"
        ? metadata("ASIACONTAINER")
        : { status: 403 };
    },
    ({ url }) => ({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/container`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: "token of the container",
      AWS_EC2_METADATA_DISABLED: "false",
    }),
    async (here) =>
      assert.deepEqual(await signer(here), ["ASIACONTAINER", "session-ASIACONTAINER"]),
  );
});

test("the role of a machine", async () => {
  const LIST = "/latest/meta-data/iam/security-credentials/";
  await place(
    ({ method, path, headers }) => {
      if (method === "PUT" && path === "/latest/api/token") return { body: "session-of-metadata" };
      if (!path.startsWith("/latest/")) return undefined;
      if (headers["x-aws-ec2-metadata-token"] !== "session-of-metadata") return { status: 401 };
      if (path === LIST) return { body: "backup" };
      return path === `${LIST}backup` ? metadata("ASIAMACHINE") : { status: 404 };
    },
    ({ url }) => ({
      AWS_EC2_METADATA_SERVICE_ENDPOINT: url,
      AWS_EC2_METADATA_DISABLED: "false",
    }),
    async (here) => assert.deepEqual(await signer(here), ["ASIAMACHINE", "session-ASIAMACHINE"]),
  );
});

/** What the service says from the second part on to those who come with a key of this kind. */
function expiring(isOver: (key: string) => boolean): Respond {
  let parts = 0;
  return (asked) => {
    if (asked.query.get("partNumber") !== null) parts++;
    return parts > 1 && isOver(accessKeyOf(asked)) ? s3Error(403, "ExpiredToken") : undefined;
  };
}

test("a session that the service ends in the middle of a long put is renewed, and the put goes on", async () => {
  await using folder = await scratch();
  const token = folder.file("token");
  await writeFile(token, "token");
  const { respond, tokens } = webIdentity(token, [HOUR_MS]);
  const over = expiring((key) => key === "ASIAWEB1");
  await place(
    (asked) => respond(asked) ?? over(asked),
    () => ({ AWS_ROLE_ARN: ROLE, AWS_WEB_IDENTITY_TOKEN_FILE: token }),
    async ({ stub, open, log }) => {
      await using store = await open();
      await put(store, "large", LARGE);
      assert.deepEqual(await read(store, "large"), pattern("large", LARGE));
      assert.ok(tokens.length > 1);
      assert.ok(log.lines.some((line) => /^warn .*expired, and was renewed/.test(line)));
      assert.ok(!log.lines.some((line) => line.includes("session-") || line.includes("secret-")));
      const uploads = stub.asked.filter(({ query }) => query.has("uploads"));
      assert.equal(uploads.length, 1);
    },
  );
});

test("looks, reads, lists and removals go on as well when a session ends", async () => {
  await using folder = await scratch();
  const token = folder.file("token");
  await writeFile(token, "token");
  const { respond } = webIdentity(token, [HOUR_MS]);
  const over = new Set<string>();
  await place(
    (asked) =>
      respond(asked) ?? (over.has(accessKeyOf(asked)) ? s3Error(403, "ExpiredToken") : undefined),
    () => ({ AWS_ROLE_ARN: ROLE, AWS_WEB_IDENTITY_TOKEN_FILE: token }),
    async ({ stub, open }) => {
      await using store = await open();
      await put(store, "a", 10);
      for (const use of [
        async () => assert.equal((await store.stat("a", waiting))?.size, 10),
        async () => assert.deepEqual(await read(store, "a"), pattern("a", 10)),
        () => keys(store),
        () => store.delete("a", waiting),
      ]) {
        over.add(accessKeyOf(stub.asked.at(-1)!));
        await use();
      }
      assert.equal(over.size, 4);
    },
  );
});

test("a session that cannot be renewed ends a put at once", async () => {
  const env = {
    AWS_ACCESS_KEY_ID: "ASIAENV",
    AWS_SECRET_ACCESS_KEY: "secret",
    AWS_SESSION_TOKEN: "session",
  };
  await place(
    expiring(() => true),
    () => env,
    async ({ open, log }) => {
      await using store = await open();
      await assert.rejects(put(store, "large", LARGE), {
        code: "store-refused",
        message: /the session of the credentials has expired/,
      });
      assert.deepEqual(
        log.lines.filter((line) => line.startsWith("warn")),
        [],
      );
    },
  );
});

test("no credentials, and a role that is not given, are told by their reason", async () => {
  await using folder = await scratch();
  const token = folder.file("token");
  await writeFile(token, "token-of-the-pod");
  const web = { AWS_ROLE_ARN: ROLE, AWS_WEB_IDENTITY_TOKEN_FILE: token };
  const refusal = s3Error(403, "AccessDenied", "Not authorized to AssumeRoleWithWebIdentity");
  const refused = { status: 403, body: `<ErrorResponse>${String(refusal.body)}</ErrorResponse>` };
  for (const [answer, env, code, words] of [
    [undefined, {}, "store-misconfigured", /log in to S3: no credentials were found/],
    [
      undefined,
      { AWS_PROFILE: "nobody" },
      "store-misconfigured",
      /no credentials were found for the profile "nobody"/,
    ],
    [refused, web, "store-refused", /log in to S3: the role is not given .*Not authorized/],
    [
      undefined,
      { ...web, AWS_WEB_IDENTITY_TOKEN_FILE: "/nowhere/token" },
      "store-misconfigured",
      /no credentials were found .*\/nowhere\/token/,
    ],
  ] as const) {
    await place(
      ({ host }) => (host.startsWith("sts.") ? answer : undefined),
      () => env,
      async ({ open }) => {
        await using store = await open();
        const failure: unknown = await keys(store).catch((error: unknown) => error);
        await assert.rejects(put(store, "a", 10), { code, message: words });
        assert.doesNotMatch(inspect(failure, { depth: 9 }), /token-of-the-pod/);
      },
      IMPATIENT,
    );
  }
});
