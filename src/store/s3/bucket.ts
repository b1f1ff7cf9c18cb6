/** A bucket as its URL describes it: the SDK's client over our HTTP, and what every request to it carries. */
import {
  ListObjectsV2Command,
  S3Client,
  type S3ClientConfig,
  type ServerSideEncryption,
} from "@aws-sdk/client-s3";
import { shellWord } from "../../format/shell-word.ts";
import { now } from "../../io/clock.ts";
import { isTransient, StoreFailure } from "../failure.ts";
import { readGivenFile } from "../given-file.ts";
import { createHttp, createProgress, type Http } from "../http.ts";
import { isServiceUrl } from "../location.ts";
import { retry } from "../retry.ts";
import { explainS3, isExpired, type Doing } from "./failure.ts";
import { areRenewed, credentialsOf } from "./login.ts";
import type { DriverTools, StoreLocation } from "../store.ts";

/** Makes one request; to be given to the SDK's `send`. */
export type Request<T> = (client: S3Client, options: { abortSignal: AbortSignal }) => Promise<T>;

export interface Bucket extends Disposable {
  readonly name: string;
  /** Before every key: empty, or ending with a slash. */
  readonly prefix: string;
  /** The customer's key, which has to come with every request about an object's content. */
  readonly customerKey: { SSECustomerAlgorithm?: "AES256"; SSECustomerKey?: string };
  readonly encryption: ServerSideEncryption | undefined;
  /** Whether new objects are locked. */
  readonly locks: boolean;
  /** Whether all that is put has to come with a digest. */
  readonly digests: { areWanted: boolean };
  /** What objects are made with: storage class, encryption, lock. */
  creation(): Record<string, unknown>;
  /** One request; fails as the contract wants. */
  call<T>(doing: Doing, signal: AbortSignal, request: Request<T>): Promise<T>;
  /** The same until it succeeds or fails for good. A reset is looked into: it may be how the service refuses. */
  insist<T>(doing: Doing, signal: AbortSignal, request: Request<T>): Promise<T>;
}

/** Throws "store-misconfigured" for parameters that do not belong together. */
export async function openBucket(location: StoreLocation, tools: DriverTools): Promise<Bucket> {
  const { host: name, path, parameters } = location;
  const customerKey = await readCustomerKey(parameters);
  const lock = lockOf(parameters);
  const encryption = encryptionOf(parameters);
  const http = await createHttp(location);
  const client = new S3Client(clientConfig(location, http));
  const call = async <T>(doing: Doing, signal: AbortSignal, request: Request<T>): Promise<T> => {
    const used = await credentialsOf(client, signal);
    try {
      return await request(client, { abortSignal: signal });
    } catch (error) {
      signal.throwIfAborted();
      const isPassing = isExpired(error) && (await areRenewed(client, used, signal));
      throw isPassing ? renewed(doing) : explainS3(doing, error);
    }
  };
  const probed = async <T>(doing: Doing, signal: AbortSignal, request: Request<T>): Promise<T> => {
    try {
      return await call(doing, signal, request);
    } catch (error) {
      if (error instanceof StoreFailure && error.code === "store-unreachable" && error.isTransient)
        await refusedAtAll({ name, call }, signal).catch((reason: unknown) => {
          if (!isTransient(reason)) throw reason;
        });
      throw error;
    }
  };
  const storageClass = parameters.get("storageClass");
  return {
    name,
    prefix: path === "" ? "" : `${path}/`,
    customerKey,
    encryption: encryption?.ServerSideEncryption,
    locks: lock !== undefined,
    digests: { areWanted: lock !== undefined },
    creation: () => ({
      ...(storageClass !== undefined && { StorageClass: storageClass }),
      ...encryption,
      ...customerKey,
      ...lock?.(),
    }),
    call,
    insist(doing, signal, request) {
      const progress = createProgress();
      const how = { what: `${doing.what} in ${location.url}`, signal, ...tools };
      return retry(how, (attempt) =>
        progress(attempt, () => probed(doing, attempt.signal, request)),
      );
    },
    [Symbol.dispose]() {
      client.destroy();
      http[Symbol.dispose]();
    },
  };
}

function renewed({ what }: Doing): StoreFailure {
  const message = `cannot ${what}: the session of the credentials has expired, and was renewed`;
  return new StoreFailure("store-refused", message, { transient: true });
}

/**
 * Services that refuse a long body close at once, and what they had to say is lost in a reset; the answer to a look has
 * no room for words. A short request is told: throws why it fails. That somebody may not list proves nothing.
 */
export async function refusedAtAll(
  { name, call }: Pick<Bucket, "name" | "call">,
  signal: AbortSignal,
): Promise<void> {
  const doing = { what: `use the bucket "${name}"`, permission: "s3:ListBucket" };
  try {
    await call(doing, signal, (client, options) =>
      client.send(new ListObjectsV2Command({ Bucket: name, MaxKeys: 1 }), options),
    );
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof StoreFailure && !/access ?denied/i.test(error.message)) throw error;
  }
}

function clientConfig({ parameters, env }: StoreLocation, http: Http): S3ClientConfig {
  // what is set to nothing is not set
  const given = (name: string): string | undefined => env[name] || undefined;
  const endpoint =
    parameters.get("endpoint") ??
    endpointOf(env, "AWS_ENDPOINT_URL_S3") ??
    endpointOf(env, "AWS_ENDPOINT_URL");
  if (parameters.get("sse") === "customer" && endpoint?.startsWith("http:")) {
    const message = "cannot use sse=customer: the key would go unencrypted to an http:// endpoint";
    throw new StoreFailure("store-misconfigured", message, { hint: "write https://" });
  }
  const named = parameters.get("region") ?? given("AWS_REGION") ?? given("AWS_DEFAULT_REGION");
  const region = named ?? (endpoint === undefined ? undefined : "us-east-1");
  const profile = parameters.get("profile") ?? given("AWS_PROFILE");
  const accessKeyId = keyOf(env, "AWS_ACCESS_KEY_ID");
  const secretAccessKey = keyOf(env, "AWS_SECRET_ACCESS_KEY");
  const sessionToken = keyOf(env, "AWS_SESSION_TOKEN");
  const isGiven = accessKeyId !== undefined && secretAccessKey !== undefined;
  return {
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    ...(profile !== undefined && { profile }),
    ...(isGiven &&
      parameters.get("profile") === undefined && {
        credentials: { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) },
      }),
    logger: QUIET,
    forcePathStyle: parameters.get("pathStyle") === "true",
    maxAttempts: 1,
    // it would begin to sign with the service's time after a first request that failed
    disableClockSkewCorrection: true,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    expectContinueHeader: false,
    requestHandler: handlerOver(http),
  };
}

function endpointOf(env: StoreLocation["env"], name: string): string | undefined {
  const value = env[name];
  if (!value || isServiceUrl(value)) return value || undefined;
  // not repeated: there may be a password in it
  const message = `cannot use ${name}: it is no URL like https://host:port`;
  throw new StoreFailure("store-misconfigured", message);
}

/** A blank or a line break is part of no key, and comes of the way in which it was written down. */
function keyOf(env: StoreLocation["env"], name: string): string | undefined {
  const value = env[name];
  if (!value || !/\s/.test(value)) return value || undefined;
  const message = `cannot use ${name}: there is a blank or a line break in it`;
  const hint = "write it without; `echo` adds a line break, `printf %s` does not";
  throw new StoreFailure("store-misconfigured", message, { hint });
}

/** Without one the SDK writes to standard error by itself. */
const QUIET = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

interface SdkRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** What the SDK sends its requests with. */
function handlerOver(http: Http): NonNullable<S3ClientConfig["requestHandler"]> {
  return {
    metadata: { handlerProtocol: "http/1.1" },
    async handle(request: SdkRequest, { abortSignal }: { abortSignal?: AbortSignal } = {}) {
      const { method, headers, body } = request;
      const bytes = typeof body === "string" ? Buffer.from(body) : (body as Uint8Array | undefined);
      const { "content-length": _length, ...others } = headers;
      const url = urlOf(request);
      const hasBody = bytes !== undefined || method === "PUT" || method === "POST";
      const answer = await http.send({
        method,
        url,
        headers: others,
        body: hasBody ? (bytes ?? new Uint8Array(0)) : undefined,
        signal: abortSignal,
      });
      const { statusCode, headers: answered } = answer;
      return { response: { statusCode: statusCode!, headers: answered, body: answer } };
    },
    destroy() {},
    updateHttpClientConfig() {},
    httpHandlerConfigs: () => ({}),
  } as NonNullable<S3ClientConfig["requestHandler"]>;
}

function urlOf({ protocol, hostname, port, path, query = {} }: SdkRequest): URL {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) =>
      one === null ? escaped(name) : `${escaped(name)}=${escaped(one)}`,
    ),
  );
  const search = pairs.length === 0 ? "" : `?${pairs.join("&")}`;
  return new URL(`${protocol}//${hostname}${port === undefined ? "" : `:${port}`}${path}${search}`);
}

/** As signatures want it. */
function escaped(text: string): string {
  const hex = (letter: string): string => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, hex);
}

type Parameters = StoreLocation["parameters"];

function encryptionOf(
  parameters: Parameters,
): { ServerSideEncryption: ServerSideEncryption; SSEKMSKeyId?: string } | undefined {
  const sse = parameters.get("sse");
  const keyId = parameters.get("sseKmsKeyId");
  if (keyId !== undefined && sse !== "aws:kms") throw needs("sseKmsKeyId", "sse=aws:kms");
  if (sse !== "AES256" && sse !== "aws:kms") return undefined;
  return { ServerSideEncryption: sse, ...(keyId !== undefined && { SSEKMSKeyId: keyId }) };
}

async function readCustomerKey(parameters: Parameters): Promise<Bucket["customerKey"]> {
  const path = parameters.get("sseCustomerKeyFile");
  if (path === undefined && parameters.get("sse") === "customer")
    throw needs("sse=customer", "sseCustomerKeyFile");
  if (path === undefined) return {};
  if (parameters.get("sse") !== "customer") throw needs("sseCustomerKeyFile", "sse=customer");
  const key = await readGivenFile(path, "sseCustomerKeyFile");
  if (key.length !== 32) {
    const message = `cannot use sseCustomerKeyFile "${path}": found ${key.length} bytes, wanted 32`;
    const hint = `make one: openssl rand -out ${shellWord(path)} 32`;
    throw new StoreFailure("store-misconfigured", message, { hint });
  }
  // the SDK makes base64 and the digest of it
  return { SSECustomerAlgorithm: "AES256", SSECustomerKey: key as unknown as string };
}

const DAY_MS = 86_400_000;

function lockOf(parameters: Parameters): (() => Record<string, unknown>) | undefined {
  const mode = parameters.get("lockMode");
  const days = parameters.get("lockDays");
  if (mode !== undefined && days === undefined) throw needs("lockMode", "lockDays");
  if (days !== undefined && mode === undefined) throw needs("lockDays", "lockMode");
  if (mode === undefined) return undefined;
  return () => ({
    ObjectLockMode: mode.toUpperCase(),
    ObjectLockRetainUntilDate: new Date(now().getTime() + Number(days) * DAY_MS),
  });
}

function needs(what: string, missing: string): StoreFailure {
  return new StoreFailure(
    "store-misconfigured",
    `cannot use the URL of the store: ${what} is given without ${missing}`,
  );
}
