/** A container as its URL describes it: the SDK's client over our HTTP. */
import { ContainerClient, type StoragePipelineOptions } from "@azure/storage-blob";
import { explainAzure, type Doing } from "./failure.ts";
import { credentialOf, sasOf } from "./login.ts";
import { createHttp, createProgress, type Http } from "../http.ts";
import { retry } from "../retry.ts";
import type { DriverTools, StoreLocation } from "../store.ts";

export interface Container extends Disposable {
  readonly client: ContainerClient;
  /** Before every key: empty, or ending with a slash. */
  readonly prefix: string;
  /** Access tier of new objects. */
  readonly tier: string | undefined;
  /** One request; fails as the contract wants. */
  call<T>(
    doing: Doing,
    signal: AbortSignal,
    request: (signal: AbortSignal) => Promise<T>,
  ): Promise<T>;
  /** The same until it succeeds or fails for good. */
  insist<T>(
    doing: Doing,
    signal: AbortSignal,
    request: (signal: AbortSignal) => Promise<T>,
  ): Promise<T>;
}

/** Throws "store-misconfigured" for what cannot be used. */
export async function openContainer(
  location: StoreLocation,
  tools: DriverTools,
): Promise<Container> {
  const { host: account, path, parameters, env } = location;
  const [name = "", ...prefix] = path.split("/");
  const http = await createHttp(location);
  const endpoint = parameters.get("endpoint") ?? `https://${account}.blob.core.windows.net`;
  const token = sasOf(env);
  const url = `${endpoint.replace(/\/$/, "")}/${encodeURIComponent(name)}${token ? `?${token}` : ""}`;
  const credential = await credentialOf(account, env, http, endpoint);
  const client = new ContainerClient(url, credential, {
    httpClient: clientOver(http),
    retryOptions: { maxTries: 1 },
  });
  const call: Container["call"] = async (doing, signal, request) => {
    try {
      signal.throwIfAborted();
      return await request(signal);
    } catch (error) {
      signal.throwIfAborted();
      throw explainAzure(doing, error);
    }
  };
  return {
    client,
    prefix: prefix.length === 0 ? "" : `${prefix.join("/")}/`,
    tier: parameters.get("storageClass"),
    call,
    insist(doing, signal, request) {
      const progress = createProgress();
      const how = { what: `${doing.what} in ${location.url}`, signal, ...tools };
      return retry(how, (attempt) => progress(attempt, () => call(doing, attempt.signal, request)));
    },
    [Symbol.dispose]: () => http[Symbol.dispose](),
  };
}

type SdkClient = NonNullable<StoragePipelineOptions["httpClient"]>;

/** What the SDK sends its requests with. */
function clientOver(http: Http): SdkClient {
  return {
    async sendRequest(request) {
      const { "content-length": _length, ...headers } = request.headers.toJson();
      const { method, body } = request;
      const bytes = typeof body === "string" ? Buffer.from(body) : (body as Uint8Array | undefined);
      const answer = await http.send({
        method,
        url: new URL(request.url),
        headers,
        body: bytes ?? (method === "PUT" ? new Uint8Array(0) : undefined),
        signal: request.abortSignal as AbortSignal | undefined,
      });
      const status = answer.statusCode!;
      const streamed = request.streamResponseStatusCodes;
      const isStreamed = streamed?.has(status) === true || streamed?.has(Infinity) === true;
      const head = { request, status, headers: { toJson: () => ({ ...answer.headers }) } };
      const rest = isStreamed
        ? { readableStreamBody: answer }
        : { bodyAsText: Buffer.concat(await answer.toArray()).toString("utf8") };
      return { ...head, ...rest } as unknown as Awaited<ReturnType<SdkClient["sendRequest"]>>;
    },
  };
}
