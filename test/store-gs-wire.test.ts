/** What the driver for Google Cloud Storage says on the wire where the emulator does otherwise: resuming, tokens. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { inspect } from "node:util";
import { openStore } from "../src/store/open.ts";
import type { Store } from "../src/store/store.ts";
import { body, pattern } from "./support/body.ts";
import {
  cloudStub,
  type Answer,
  type Asked,
  type CloudStub,
  type Respond,
} from "./support/cloud-stub.ts";
import { inEnvironment } from "./support/environment.ts";
import { recordingLog } from "./support/faulty-store.ts";
import { googleAnswers, type Cut, type GoogleRules } from "./support/gs-stub.ts";
import { scratch } from "./support/scratch.ts";
import { keys, put, read, waiting } from "./support/store-subject.ts";

const MIB = 1 << 20;
const LARGE = 9 * MIB;
const PERSISTENCE = { stallMs: 60_000, noProgressMs: 60_000, firstPauseMs: 5 };

/** The files of application default credentials that are known, with secrets that no message may hold. */
const USER = {
  type: "authorized_user",
  client_id: "client-of-the-tests",
  client_secret: "secret-of-the-tests",
  refresh_token: "refresh-of-the-tests",
};
const ACCOUNT = {
  type: "service_account",
  client_email: "backup@tests.iam.gserviceaccount.com",
  private_key_id: "1",
  private_key: generateKeyPairSync("rsa", { modulusLength: 2048 })
    .privateKey.export({ type: "pkcs8", format: "pem" })
    .toString(),
  token_uri: "https://oauth2.googleapis.com/token",
};

interface Place {
  readonly stub: CloudStub;
  readonly log: ReturnType<typeof recordingLog>;
  readonly store: Store;
}

interface Given {
  /** The file of credentials; none when left out. */
  readonly credentials?: object;
  readonly parameters?: string;
  readonly variables?: (stub: CloudStub) => Readonly<Record<string, string>>;
  /** Who gives tokens. */
  readonly tokens: Respond;
  readonly rules?: GoogleRules;
}

/** A bucket at Google's own address, as far as the driver knows. */
async function place(
  { credentials, parameters = "", variables = () => ({}), tokens, rules }: Given,
  work: (place: Place) => Promise<void>,
): Promise<void> {
  await using folder = await scratch();
  const google = googleAnswers(rules);
  await using stub = await cloudStub((asked) => tokens(asked) ?? google(asked));
  const file = folder.file("credentials.json");
  if (credentials !== undefined) await writeFile(file, JSON.stringify(credentials));
  const named = credentials === undefined ? {} : { GOOGLE_APPLICATION_CREDENTIALS: file };
  const home = { HOME: folder.path, CLOUDSDK_CONFIG: folder.path };
  const log = recordingLog();
  await inEnvironment({ ...home, ...named, ...variables(stub) }, async (env) => {
    const url = `gs://backups/of/tests?${stub.parameters}${parameters}`;
    await using store = await openStore(url, { env, log, persistence: PERSISTENCE });
    await work({ stub, log, store });
  });
}

/** Tokens with numbers, from where the files of a user and of a service account send us. */
function numbered(lastsS = 3600): { tokens: Respond; asked: URLSearchParams[] } {
  const asked: URLSearchParams[] = [];
  const tokens: Respond = ({ host, path, body: bytes }) => {
    if (host !== "oauth2.googleapis.com" || path !== "/token") return undefined;
    asked.push(new URLSearchParams(String(bytes)));
    return given(`token-${asked.length}`, lastsS);
  };
  return { tokens, asked };
}

function given(access_token: string, expires_in = 3600): Answer {
  return { body: { access_token, expires_in, token_type: "Bearer" } };
}

const tokenOf = ({ headers }: Asked): string =>
  (headers.authorization ?? "").replace("Bearer ", "");
const isPart = ({ headers }: Asked): boolean => headers["content-range"] !== undefined;

async function comesBack({ store }: Place): Promise<void> {
  await store.put("small", body("small", 1000), { ifAbsent: true, ...waiting });
  await store.put("large", body("large", LARGE), { ifAbsent: true, ...waiting });
  assert.deepEqual(await read(store, "small"), pattern("small", 1000));
  assert.deepEqual(await read(store, "large"), pattern("large", LARGE));
}

test("an upload that was cut goes on with what was not kept, in the same session", async () => {
  const size = 20 * MIB;
  const cuts: readonly (Cut | undefined)[] = [
    undefined,
    { keeps: 3 * MIB, breaks: true },
    { keeps: 5 * MIB, breaks: false },
    { keeps: 0, breaks: true },
    undefined,
    { keeps: MIB, breaks: false },
    { keeps: 2 * MIB, breaks: true },
  ];
  const rules = { cut: (number: number): Cut | undefined => cuts[number - 1] };
  await place({ credentials: USER, tokens: numbered().tokens, rules }, async (here) => {
    await here.store.put("large", body("large", size), { ifAbsent: true, ...waiting });
    assert.deepEqual(await read(here.store, "large"), pattern("large", size));
    const part = (from: number, to: number, total: string): string =>
      `bytes ${from * MIB}-${to * MIB - 1}/${total}`;
    const ranges = here.stub.asked.filter(isPart).map(({ headers }) => headers["content-range"]);
    assert.deepEqual(ranges, [
      part(0, 8, "*"),
      part(8, 16, "*"), // 11 are there, and the answer is lost
      part(8, 16, "*"), // the first five of these: 13 are there
      part(13, 16, "*"),
      part(13, 16, "*"),
      part(16, 20, `${size}`), // the last one as well: 17
      part(17, 20, `${size}`),
      part(17, 20, `${size}`),
    ]);
    const begun = here.stub.asked.filter(({ query }) => query.get("uploadType") === "resumable");
    const sessions = new Set(begun.map(({ query }) => query.get("upload_id")));
    assert.deepEqual(sessions, new Set([null, "1"]));
    assert.ok(here.log.lines.some((line) => /^warn put part 2 of .*trying again/.test(line)));
  });
});

test("a service that keeps nothing of what is sent ends the put", async () => {
  const rules = {
    cut: (number: number): Cut | undefined =>
      number > 1 ? { keeps: 0, breaks: false } : undefined,
  };
  await place({ credentials: USER, tokens: numbered().tokens, rules }, async ({ store, stub }) => {
    await assert.rejects(put(store, "large", LARGE), { code: "store-wrong-answer" });
    assert.equal(await store.stat("large", waiting), undefined);
    assert.ok(
      stub.asked.some(({ method, query }) => method === "DELETE" && query.has("upload_id")),
    );
  });
});

test("what is only to be put where there is nothing says so, small and large; so does the class", async () => {
  const parameters = "&storageClass=NEARLINE";
  await place({ credentials: USER, tokens: numbered().tokens, parameters }, async (here) => {
    await comesBack(here);
    const begun = here.stub.asked.filter(({ method }) => method === "POST");
    const puts = begun.filter(({ query }) => query.has("uploadType"));
    assert.deepEqual(
      puts.map(({ query }) => [query.get("uploadType"), query.get("ifGenerationMatch")]),
      [
        ["multipart", "0"],
        ["resumable", "0"],
      ],
    );
    for (const { body: bytes } of puts) assert.match(String(bytes), /"storageClass":"NEARLINE"/);
    await put(here.store, "small", 10);
    const last = here.stub.asked.findLast(({ query }) => query.has("uploadType"))!;
    assert.equal(last.query.get("ifGenerationMatch"), null);
  });
});

test("a service account signs for its tokens", async () => {
  const { tokens, asked } = numbered();
  await place({ credentials: ACCOUNT, tokens }, async (here) => {
    await comesBack(here);
    const [, claims = ""] = asked[0]!.get("assertion")!.split(".");
    const { iss, scope } = JSON.parse(Buffer.from(claims, "base64url").toString()) as {
      iss: string;
      scope: string;
    };
    assert.equal(iss, ACCOUNT.client_email);
    assert.match(scope, /devstorage|cloud-platform/);
    assert.equal(asked.length, 1);
  });
});

test("the credentials of a user are refreshed", async () => {
  const { tokens, asked } = numbered();
  await place({ credentials: USER, tokens }, async (here) => {
    await comesBack(here);
    assert.equal(asked[0]!.get("refresh_token"), USER.refresh_token);
    const uses = here.stub.asked.filter(({ host }) => host === "storage.googleapis.com");
    assert.deepEqual(new Set(uses.map(tokenOf)), new Set(["token-1"]));
  });
});

test("a workload identity is exchanged, and stands in for a service account", async () => {
  await using folder = await scratch();
  await writeFile(folder.file("subject"), "token-of-the-pod");
  const impersonated = "/v1/projects/-/serviceAccounts/backup@tests:generateAccessToken";
  const credentials = {
    type: "external_account",
    audience:
      "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
    subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
    token_url: "https://sts.googleapis.com/v1/token",
    service_account_impersonation_url: `https://iamcredentials.googleapis.com${impersonated}`,
    credential_source: { file: folder.file("subject") },
  };
  const exchanged: URLSearchParams[] = [];
  const tokens: Respond = (asked) => {
    if (asked.host === "sts.googleapis.com") {
      exchanged.push(new URLSearchParams(String(asked.body)));
      return given("token-of-sts");
    }
    if (asked.host !== "iamcredentials.googleapis.com") return undefined;
    if (asked.path !== impersonated || tokenOf(asked) !== "token-of-sts") return { status: 403 };
    const expireTime = new Date(Date.now() + 3_600_000).toISOString();
    return { body: { accessToken: "token-of-account", expireTime } };
  };
  const rules = { accepts: (token: string) => token === "token-of-account" };
  await place({ credentials, tokens, rules }, async (here) => {
    await comesBack(here);
    assert.equal(exchanged[0]!.get("subject_token"), "token-of-the-pod");
    const hosts = new Set(here.stub.asked.map(({ host }) => host.replace(".googleapis.com", "")));
    assert.deepEqual(hosts, new Set(["sts", "iamcredentials", "storage"]));
  });
});

test("the identity of a machine", async () => {
  const tokens: Respond = ({ path, headers }) => {
    if (!path.startsWith("/computeMetadata/v1")) return undefined;
    if (headers["metadata-flavor"] !== "Google") return { status: 403 };
    const flavor = { headers: { "metadata-flavor": "Google" } };
    return path.endsWith("/service-accounts/default/token")
      ? { ...flavor, ...given("token-of-machine") }
      : { ...flavor, body: "tests" };
  };
  const variables = ({ url }: CloudStub): Record<string, string> => ({
    GCE_METADATA_HOST: new URL(url).host,
    METADATA_SERVER_DETECTION: "assume-present",
  });
  const rules = { accepts: (token: string) => token === "token-of-machine" };
  await place({ tokens, variables, rules }, comesBack);
});

test("a token that is good no longer is renewed in the middle of a put, and the put goes on", async () => {
  for (const [credentials, cause] of [
    [USER, { lastsS: 3600, refuses: true }],
    [ACCOUNT, { lastsS: 3600, refuses: true }],
    [USER, { lastsS: 60, refuses: false }],
  ] as const) {
    const { tokens, asked } = numbered(cause.lastsS);
    let parts = 0;
    const rules = {
      accepts: (token: string) => !cause.refuses || parts < 2 || token !== "token-1",
      cut: () => void parts++,
    };
    await place({ credentials, tokens, rules }, async ({ store, stub, log }) => {
      await put(store, "large", 17 * MIB);
      assert.deepEqual(await read(store, "large"), pattern("large", 17 * MIB));
      assert.ok(asked.length > 1);
      const used = stub.asked.filter(isPart).map(tokenOf);
      assert.notEqual(used[0], used.at(-1));
      const isTold = log.lines.some((line) => /^warn .*and was renewed/.test(line));
      assert.equal(isTold, cause.refuses);
      assert.doesNotMatch(log.lines.join("\n"), /token-\d|of-the-tests/);
    });
  }
});

test("a token that was never good, and none at all, end it at once and are told by their reason", async () => {
  const { tokens } = numbered();
  const refusal = (error: string, error_description: string): Respond => {
    return ({ host }) =>
      host === "oauth2.googleapis.com"
        ? { status: 400, body: { error, error_description } }
        : undefined;
  };
  const never = { accepts: () => false };
  for (const [more, code, words] of [
    [{ credentials: USER, tokens, rules: never }, "store-refused", /token is not accepted/],
    [
      { credentials: ACCOUNT, tokens: refusal("invalid_grant", "Invalid JWT: iat is too old") },
      "store-misconfigured",
      /log in to Google Cloud: no token is given .*invalid_grant/,
    ],
    [
      { credentials: USER, tokens: refusal("unauthorized_client", "Not yours") },
      "store-refused",
      /log in to Google Cloud: no token is given .*unauthorized_client/,
    ],
    [
      { tokens, variables: () => ({ GOOGLE_APPLICATION_CREDENTIALS: "/nowhere/file.json" }) },
      "store-misconfigured",
      /no usable credentials in "\/nowhere\/file.json"/,
    ],
    [
      { tokens, credentials: { ...ACCOUNT, private_key: "key-of-the-tests" } },
      "store-misconfigured",
      /no usable credentials in ".*credentials.json"/,
    ],
    [
      { tokens, variables: () => ({ METADATA_SERVER_DETECTION: "none" }) },
      "store-misconfigured",
      /no usable credentials/,
    ],
  ] as const) {
    await place(more, async ({ store, log }) => {
      const failure: unknown = await keys(store).catch((error: unknown) => error);
      await assert.rejects(put(store, "large", LARGE), { code, message: words });
      const told = inspect(failure, { depth: 9 }) + log.lines.join("\n");
      assert.doesNotMatch(told, /of-the-tests|PRIVATE KEY|assertion=/);
      assert.ok(!log.lines.some((line) => line.startsWith("warn")), log.lines.join("\n"));
    });
  }
});
