/** Who we are for Azure: a key, a SAS, or whatever the machine is. */
import type { DefaultAzureCredentialOptions, TokenCredential } from "@azure/identity";
import { AnonymousCredential, StorageSharedKeyCredential } from "@azure/storage-blob";
import { createPatience } from "../../io/patience.ts";
import { StoreFailure } from "../failure.ts";
import type { Http } from "../http.ts";
import type { StoreLocation } from "../store.ts";

/**
 * A key, a SAS, or an identity: environment, workload identity, managed identity, the `az` of a developer. Tokens come by
 * `http`, and so by the same proxy and authorities as everything else. Throws "store-misconfigured" for what is none of these.
 */
export async function credentialOf(
  account: string,
  env: StoreLocation["env"],
  http: Http,
  endpoint: string,
): Promise<StorageSharedKeyCredential | AnonymousCredential | TokenCredential> {
  const key = env["AZURE_STORAGE_KEY"];
  if (key !== undefined && key !== "") {
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(key))
      throw new StoreFailure(
        "store-misconfigured",
        "cannot use AZURE_STORAGE_KEY: it is not base64",
      );
    return new StorageSharedKeyCredential(account, key);
  }
  if (sasOf(env) !== undefined) return new AnonymousCredential();
  if (endpoint.startsWith("http:"))
    throw new StoreFailure(
      "store-misconfigured",
      `cannot log in to Azure: the token of an identity is not sent to ${endpoint}, which has no TLS`,
      { hint: "set AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or write https:// in endpoint=" },
    );
  const { DefaultAzureCredential } = await import("@azure/identity");
  return new DefaultAzureCredential({ httpClient: clientOver(http) });
}

/** The SAS of the environment, as it stands behind a ?, unless there is a key. Throws "store-misconfigured" for what is none. */
export function sasOf(env: StoreLocation["env"]): string | undefined {
  const token = env["AZURE_STORAGE_SAS_TOKEN"]?.replace(/^\?/, "");
  if (token === undefined || token === "" || env["AZURE_STORAGE_KEY"]) return undefined;
  if (/^[A-Za-z]+=/.test(token) && /(^|&)sig=/.test(token) && !/\s/.test(token)) return token;
  throw new StoreFailure(
    "store-misconfigured",
    "cannot use AZURE_STORAGE_SAS_TOKEN: it is no SAS, or has blanks or a line break in it",
    { hint: "give what stands behind the ? of a URL with a SAS: sv=…&sig=…" },
  );
}

type SdkClient = NonNullable<DefaultAzureCredentialOptions["httpClient"]>;
type SdkRequest = Parameters<SdkClient["sendRequest"]>[0];
type SdkAnswer = Awaited<ReturnType<SdkClient["sendRequest"]>>;

/** What the SDK asks for tokens with. Only the look whether this is a machine of Azure's has a limit on its time. */
function clientOver(http: Http): SdkClient {
  return {
    async sendRequest(request) {
      const outer = request.abortSignal as AbortSignal | undefined;
      const { timeout } = request;
      if (timeout <= 0) return ask(http, request, outer);
      using patience = createPatience(timeout, outer, () => new Error("no answer in time"));
      patience.start();
      return await ask(http, request, patience.signal);
    },
  };
}

async function ask(
  http: Http,
  request: SdkRequest,
  signal: AbortSignal | undefined,
): Promise<SdkAnswer> {
  const { method, body, url } = request;
  const sdk = request.headers.toJSON();
  // what is compressed would not be opened here
  const { "content-length": _length, "accept-encoding": _encoding, ...headers } = sdk;
  const bytes = typeof body === "string" ? Buffer.from(body) : undefined;
  const answer = await http.send({ method, url: new URL(url), headers, body: bytes, signal });
  const text = Buffer.concat(await answer.toArray()).toString("utf8");
  const flat = Object.entries(answer.headers).map(([name, value]) => [name, String(value)]);
  const answered = new Headers(flat as [string, string][]);
  return {
    request,
    status: answer.statusCode!,
    headers: Object.assign(answered, { toJSON: () => Object.fromEntries(answered) }),
    bodyAsText: text,
  } as unknown as SdkAnswer;
}
