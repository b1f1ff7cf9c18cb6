/** A bucket of Google Cloud Storage as its URL describes it, by the JSON API over our HTTP; the SDK gives the tokens. */
import type { IncomingMessage } from "node:http";
import { StoreFailure } from "../failure.ts";
import { explainAnswer, explainGoogle, textOf, type Doing } from "./failure.ts";
import { createLogin } from "./login.ts";
import { createHttp, createProgress } from "../http.ts";
import { retry } from "../retry.ts";
import type { DriverTools, StoreLocation } from "../store.ts";

/** Bytes of the longest answer: a page of 1000 objects with the longest names. */
const LONGEST_ANSWER = 16 << 20;

/** One request: `path` is below the service's address, or an address of its own. */
export interface Ask {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Statuses beside 2xx that are no failure. */
  readonly accepts?: readonly number[];
}

export interface Bucket extends Disposable {
  /** For paths: encoded. */
  readonly name: string;
  /** Before every key: empty, or ending with a slash. */
  readonly prefix: string;
  readonly storageClass: string | undefined;
  /** One request, its answer not read yet; fails as the contract wants. */
  open(doing: Doing, signal: AbortSignal, ask: Ask): Promise<IncomingMessage>;
  /** One request whose answer is JSON, or nothing. */
  call(doing: Doing, signal: AbortSignal, ask: Ask): Promise<Answer>;
  /** The same until it succeeds or fails for good. */
  insist(doing: Doing, signal: AbortSignal, ask: Ask): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly json: Readonly<Record<string, unknown>>;
}

/** Throws "store-misconfigured" for what cannot be used. */
export async function openBucket(location: StoreLocation, tools: DriverTools): Promise<Bucket> {
  const { host, path, parameters } = location;
  const endpoint =
    parameters.get("endpoint")?.replace(/\/$/, "") ?? "https://storage.googleapis.com";
  const http = await createHttp(location);
  const login = createLogin(endpoint, http, location.env);
  const open: Bucket["open"] = async (doing, signal, { accepts = [], ...ask }) => {
    try {
      signal.throwIfAborted();
      const url = new URL(ask.path.startsWith("http") ? ask.path : endpoint + ask.path);
      const token = await login.token(signal);
      const headers = { ...(token && { authorization: `Bearer ${token}` }), ...ask.headers };
      const answer = await http.send({ method: ask.method, url, headers, body: ask.body, signal });
      const status = answer.statusCode!;
      if (status < 400) login.succeeded();
      if ((status >= 200 && status < 300) || accepts.includes(status)) return answer;
      const failure = await explainAnswer(doing, answer);
      throw status === 401 && (await login.renew(token, signal)) ? renewed(doing) : failure;
    } catch (error) {
      signal.throwIfAborted();
      throw explainGoogle(doing, error);
    }
  };
  const call: Bucket["call"] = async (doing, signal, ask) => {
    const answer = await open(doing, signal, ask);
    try {
      const text = await textOf(answer, LONGEST_ANSWER);
      return { status: answer.statusCode!, headers: answer.headers, json: parse(doing, text) };
    } catch (error) {
      signal.throwIfAborted();
      throw explainGoogle(doing, error);
    }
  };
  return {
    name: encodeURIComponent(host),
    prefix: path === "" ? "" : `${path}/`,
    storageClass: parameters.get("storageClass"),
    open,
    call,
    insist(doing, signal, ask) {
      const progress = createProgress();
      const how = { what: `${doing.what} in ${location.url}`, signal, ...tools };
      return retry(how, (attempt) => progress(attempt, () => call(doing, attempt.signal, ask)));
    },
    [Symbol.dispose]: () => http[Symbol.dispose](),
  };
}

function renewed({ what }: Doing): StoreFailure {
  const message = `cannot ${what}: the token was accepted no longer, and was renewed`;
  return new StoreFailure("store-refused", message, { transient: true });
}

function parse({ what }: Doing, text: string): Readonly<Record<string, unknown>> {
  if (text.trim() === "") return {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object") return (parsed ?? {}) as Record<string, unknown>;
  } catch {
    // said below
  }
  const message = `cannot ${what}: the answer is not JSON`;
  throw new StoreFailure("store-wrong-answer", message, { transient: true });
}
