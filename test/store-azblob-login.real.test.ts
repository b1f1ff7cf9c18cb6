/** Identities for Azure: an emulator that takes tokens, under Azure's own names, and a stand-in for who gives them. */
import {
  AccountSASPermissions,
  AccountSASResourceTypes,
  AccountSASServices,
  generateAccountSASQueryParameters,
} from "@azure/storage-blob";
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { after, before, test } from "node:test";
import { inspect } from "node:util";
import { openStore } from "../src/store/open.ts";
import type { Store } from "../src/store/store.ts";
import { ACCOUNT, startAzure, type AzureService } from "./support/azurite.ts";
import { pattern } from "./support/body.ts";
import { certificate, makeCertificates, type TlsFiles } from "./support/certificates.ts";
import {
  cloudStub,
  type Answer,
  type Asked,
  type CloudStub,
  type Respond,
} from "./support/cloud-stub.ts";
import { inEnvironment } from "./support/environment.ts";
import { freeURLs } from "./support/etcd.ts";
import { recordingLog } from "./support/faulty-store.ts";
import { forwardProxy, type ForwardProxy } from "./support/forward-proxy.ts";
import { scratch, type Scratch } from "./support/scratch.ts";
import { keys, put, read, waiting } from "./support/store-subject.ts";

const LARGE = 9 << 20;
const IMPATIENT = { stallMs: 60_000, noProgressMs: 300, firstPauseMs: 5 };
const TENANT = "11111111-2222-3333-4444-555555555555";
const CLIENT = "99999999-8888-7777-6666-555555555555";
const HOUR_S = 3600;

let folder: Scratch;
let tls: TlsFiles;
let service: AzureService;
before(async () => {
  folder = await scratch();
  await makeCertificates(folder.path);
  tls = certificate(folder.path, "cloud");
  service = await startAzure(tls);
  await createContainer("backups");
});
after(async () => {
  await service[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function createContainer(name: string): Promise<void> {
  const sas = generateAccountSASQueryParameters(
    {
      permissions: AccountSASPermissions.parse("c"),
      services: AccountSASServices.parse("b").toString(),
      resourceTypes: AccountSASResourceTypes.parse("c").toString(),
      expiresOn: new Date(Date.now() + 600_000),
    },
    service.credential,
  );
  const url = `${service.endpoint}/${name}?restype=container&${sas}`;
  const asking = request(url, { method: "PUT", ca: readFileSync(tls.caFile) }).end();
  const [answer] = (await once(asking, "response")) as [IncomingMessage];
  assert.equal(answer.resume().statusCode, 201);
}

/** As Azure signs them, but for the signature, which the emulator does not look at. */
function token(number: number, lastsS = HOUR_S): string {
  const now = Math.floor(Date.now() / 1000);
  const issuer = `https://sts.windows.net/${TENANT}/`;
  const claims = { aud: "https://storage.azure.com", iss: issuer, nbf: now - 60, iat: now, number };
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "RS256", typ: "JWT" })}.${part({ ...claims, exp: now + lastsS })}.c2ln`;
}

/** What the authority says of itself, and tokens that are numbered. */
function authority(lastsS: number, asked: URLSearchParams[]): Respond {
  return ({ host, path, body }) => {
    if (host !== "login.microsoftonline.com") return undefined;
    const base = `https://${host}/${TENANT}`;
    if (path.endsWith("/.well-known/openid-configuration"))
      return {
        body: {
          issuer: `${base}/v2.0`,
          authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
          token_endpoint: `${base}/oauth2/v2.0/token`,
          jwks_uri: `${base}/discovery/v2.0/keys`,
        },
      };
    if (path !== `/${TENANT}/oauth2/v2.0/token`) return undefined;
    asked.push(new URLSearchParams(String(body)));
    return given(asked.length, lastsS);
  };
}

function given(number: number, lastsS: number): Answer {
  const access_token = token(number, lastsS);
  return { body: { token_type: "Bearer", expires_in: lastsS, access_token } };
}

interface Place {
  readonly stub: CloudStub;
  readonly proxy: ForwardProxy;
  readonly log: ReturnType<typeof recordingLog>;
  open(): Promise<Store>;
}

/** A container at Azure's own address, as far as the driver knows, and `others` who give tokens. */
async function place(
  others: Respond,
  variables: (stub: CloudStub) => Readonly<Record<string, string>>,
  work: (place: Place) => Promise<void>,
): Promise<void> {
  await using stub = await cloudStub(others, tls);
  const azurite = Number(new URL(service.endpoint).port);
  const portOf = (host: string): number => (host.includes(".blob.") ? azurite : stub.port);
  await using proxy = await forwardProxy(portOf);
  const log = recordingLog();
  await inEnvironment(variables(stub), async (env) => {
    const url = `azblob://${ACCOUNT}/backups/x?proxy=${proxy.url}&caFile=${tls.caFile}`;
    const open = (): Promise<Store> => openStore(url, { env, log, persistence: IMPATIENT });
    await work({ stub, proxy, log, open });
  });
}

/** Whatever a store is asked for. */
async function uses(store: Store): Promise<void> {
  await put(store, "large", LARGE);
  assert.deepEqual(await read(store, "large"), pattern("large", LARGE));
  assert.deepEqual(await keys(store), ["large"]);
  await store.delete("large", waiting);
}

test("a workload identity is exchanged for a token, by the proxy and with the authority of the store", async () => {
  const file = folder.file("federated");
  await writeFile(file, "token-of-the-pod");
  const asked: URLSearchParams[] = [];
  await place(
    authority(HOUR_S, asked),
    () => ({
      AZURE_TENANT_ID: TENANT,
      AZURE_CLIENT_ID: CLIENT,
      AZURE_FEDERATED_TOKEN_FILE: file,
    }),
    async ({ stub, proxy, log, open }) => {
      await using store = await open();
      await uses(store);
      assert.ok(stub.asked.every(({ headers }) => headers["accept-encoding"] === undefined));
      assert.deepEqual(
        asked.map((one) => [
          one.get("client_id"),
          one.get("client_assertion"),
          one.get("scope")?.includes("https://storage.azure.com/.default"),
        ]),
        [[CLIENT, "token-of-the-pod", true]],
      );
      const hosts = new Set(proxy.passages.map(({ host }) => host));
      const blob = `${ACCOUNT}.blob.core.windows.net:443`;
      assert.deepEqual(hosts, new Set(["login.microsoftonline.com:443", blob]));
      assert.doesNotMatch(log.lines.join("\n"), /token-of-the-pod|eyJ/);
    },
  );
});

test("a service principal of the environment", async () => {
  const asked: URLSearchParams[] = [];
  await place(
    authority(HOUR_S, asked),
    () => ({
      AZURE_TENANT_ID: TENANT,
      AZURE_CLIENT_ID: CLIENT,
      AZURE_CLIENT_SECRET: "secret-of-the-tests",
    }),
    async ({ open }) => {
      await using store = await open();
      await uses(store);
      assert.equal(asked[0]!.get("client_secret"), "secret-of-the-tests");
    },
  );
});

test("the identity of a machine", async () => {
  const metadata: Asked[] = [];
  await place(
    (one) => {
      if (!one.path.startsWith("/metadata/identity/oauth2/token")) return undefined;
      metadata.push(one);
      return given(1, HOUR_S);
    },
    ({ url }) => ({ AZURE_POD_IDENTITY_AUTHORITY_HOST: url, AZURE_CLIENT_ID: CLIENT }),
    async ({ open }) => {
      await using store = await open();
      await uses(store);
      const [{ headers, query }] = metadata as [Asked];
      assert.equal(headers["metadata"], "true");
      assert.equal(query.get("client_id"), CLIENT);
    },
  );
});

test("a token that lasts for a short time only is renewed on the way", async () => {
  const file = folder.file("federated");
  await writeFile(file, "token-of-the-pod");
  const asked: URLSearchParams[] = [];
  await place(
    authority(60, asked),
    () => ({
      AZURE_TENANT_ID: TENANT,
      AZURE_CLIENT_ID: CLIENT,
      AZURE_FEDERATED_TOKEN_FILE: file,
    }),
    async ({ open }) => {
      await using store = await open();
      for (let round = 0; asked.length < 3; round++) await put(store, `a${round}`, 10);
      await put(store, "large", LARGE);
      assert.deepEqual(await read(store, "large"), pattern("large", LARGE));
    },
  );
});

test("no identity, and one that is refused, are told by their reason", async () => {
  const env = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, AZURE_CLIENT_SECRET: "secret" };
  const wellKnown = authority(HOUR_S, []);
  const refusal = {
    status: 401,
    body: {
      error: "invalid_client",
      error_description: "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1",
      error_codes: [7000215],
    },
  };
  const [nobody] = await freeURLs(1);
  for (const [variables, code, words] of [
    [env, "store-refused", /log in to Azure: no token is given .*Invalid client secret/],
    [
      { AZURE_POD_IDENTITY_AUTHORITY_HOST: nobody! },
      "store-misconfigured",
      /log in to Azure: no credentials were found/,
    ],
  ] as const) {
    await place(
      (one) => (one.path.endsWith("/token") ? refusal : wellKnown(one)),
      () => variables,
      async ({ open }) => {
        await using store = await open();
        const failure: unknown = await keys(store).catch((error: unknown) => error);
        await assert.rejects(put(store, "large", LARGE), { code, message: words });
        assert.doesNotMatch(inspect(failure, { depth: 9 }), /client_secret=/);
      },
    );
  }
});
