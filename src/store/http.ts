/**
 * One way to speak HTTP for all drivers of clouds, below their SDKs: with a proxy, with a private certificate authority,
 * and with an eye on whether bytes move. Nothing is tried again here, and there are no limits on time.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { Agent as PlainAgent, request as requestPlain } from "node:http";
import type { ClientRequest, IncomingMessage } from "node:http";
import { Agent as TlsAgent, request as requestTls } from "node:https";
import { getCACertificates } from "node:tls";
import { shellWord } from "../format/shell-word.ts";
import { StoreFailure } from "./failure.ts";
import { readGivenFile } from "./given-file.ts";
import type { Attempt } from "./retry.ts";
import type { StoreLocation } from "./store.ts";

export interface HttpCall {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Http extends Disposable {
  /** The answer as soon as its head is there, whatever its status. Throws the errors of sockets as they are. */
  send(call: HttpCall): Promise<IncomingMessage>;
}

/** Bytes of a body that are handed over at once: so many have to go in the time in which something has to move. */
const PIECE = 64 << 10;

const progress = new AsyncLocalStorage<() => void>();

/**
 * For the attempts of one request: tells them that bytes of `work` come and go. What goes for the second time, after a
 * failure, is no progress; a service that always fails at the end would be tried for ever otherwise.
 */
export function createProgress(): <T>(attempt: Attempt, work: () => Promise<T>) => Promise<T> {
  let furthest = 0;
  return (attempt, work) => {
    let at = 0;
    return progress.run(() => {
      if (++at <= furthest) return attempt.moves();
      furthest = at;
      attempt.moved();
    }, work);
  };
}

/** Connections as `caFile`, `proxy` and the environment of a store want them. Throws "store-misconfigured". */
export async function createHttp(location: StoreLocation): Promise<Http> {
  const ca = await authorities(location.parameters.get("caFile"));
  const proxyEnv = proxyOf(location);
  const common = { keepAlive: true, proxyEnv };
  const plain = new PlainAgent(common);
  const tls = new TlsAgent({ ...common, ...(ca !== undefined && { ca }) });
  const open = ({ url, method, headers, body, signal }: HttpCall): ClientRequest => {
    const length = body === undefined ? {} : { "content-length": String(body.length) };
    const options = { method, headers: { ...headers, ...length }, ...(signal && { signal }) };
    return url.protocol === "https:"
      ? requestTls(url, { ...options, agent: tls })
      : requestPlain(url, { ...options, agent: plain });
  };
  return {
    send: (call) => exchange(open(call), call.body),
    [Symbol.dispose]() {
      plain.destroy();
      tls.destroy();
    },
  };
}

/** A server may answer before it has read everything, and close: what it says matters more than that it closed. */
async function exchange(
  request: ClientRequest,
  body: Uint8Array | undefined,
): Promise<IncomingMessage> {
  const counted = progress.getStore();
  const moved = counted ?? (() => {});
  request.on("error", () => {}); // it may fail once more, after it was given up
  const answered = once(request, "response") as Promise<[IncomingMessage]>;
  answered.catch(() => {});
  await Promise.race([sendBody(request, body, moved), answered]);
  const [answer] = await answered;
  moved();
  // S3 sends blanks for minutes until a long upload is complete
  if (counted !== undefined) answer.pause().on("data", counted);
  answer.once("close", () => {
    if (!request.writableFinished) request.destroy();
  });
  return answer;
}

async function sendBody(
  request: ClientRequest,
  body: Uint8Array | undefined,
  moved: () => void,
): Promise<void> {
  for (let at = 0; body !== undefined && at < body.length; at += PIECE) {
    if (request.destroyed) return;
    const isRoom = request.write(body.subarray(at, at + PIECE));
    if (!isRoom) await drained(request);
    moved();
  }
  request.end();
}

async function drained(request: ClientRequest): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      request.off("drain", done).off("close", done);
      resolve();
    };
    request.on("drain", done).on("close", done);
  });
}

async function authorities(caFile: string | undefined): Promise<string[] | undefined> {
  if (caFile === undefined) return undefined;
  const pem = (await readGivenFile(caFile, "caFile")).toString("utf8");
  const certificates = pem.match(CERTIFICATE) ?? [];
  const refuse = (why: string): never => {
    throw new StoreFailure("store-misconfigured", `cannot use caFile "${caFile}": ${why}`, {
      hint: `give a file with certificates in PEM; see it with: openssl x509 -text -in ${shellWord(caFile)}`,
    });
  };
  if (certificates.length === 0) refuse("it holds no certificate in PEM");
  // TLS passes over what it cannot read, and trusts nobody then
  if (!certificates.every(isCertificate)) refuse("a certificate in it is damaged");
  return [...getCACertificates("default"), pem];
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g;

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}

type ProxyEnv = Record<"HTTP_PROXY" | "HTTPS_PROXY" | "NO_PROXY", string | undefined>;

/** Not behind a proxy: this machine, and the addresses at which clouds tell a machine who it is. */
const NEAR = [
  "localhost",
  "127.0.0.1",
  "[::1]",
  "169.254.169.254",
  "169.254.170.2",
  "169.254.170.23",
  "metadata.google.internal",
];

/**
 * The environment's, with its password if it is the one that the URL of the store names. What that names leads to the
 * store's endpoint, wherever it is.
 */
function proxyOf({ parameters, env }: StoreLocation): ProxyEnv {
  const named = parameters.get("proxy");
  const lookUp = (name: string): string | undefined => env[name] ?? env[name.toLowerCase()];
  const [http, https] = [lookUp("HTTP_PROXY"), lookUp("HTTPS_PROXY")];
  const far = lookUp("NO_PROXY") ?? "";
  if (named === undefined) {
    requireProxy("HTTP_PROXY", http);
    requireProxy("HTTPS_PROXY", https);
    return { HTTP_PROXY: http, HTTPS_PROXY: https, NO_PROXY: [...NEAR, far].join() };
  }
  const isNamed = (one: string | undefined): boolean =>
    one !== undefined && URL.canParse(one) && new URL(one).host === new URL(named).host;
  const chosen = [https, http].find(isNamed) ?? named;
  requireProxy("proxy=", chosen);
  const endpoint = parameters.get("endpoint") ?? "";
  const host = URL.canParse(endpoint) ? new URL(endpoint).hostname : "";
  const near = NEAR.filter((one) => one !== host);
  return { HTTP_PROXY: chosen, HTTPS_PROXY: chosen, NO_PROXY: near.join() };
}

/** Of what is none Node says nothing and goes without, or throws an error that repeats it, with its password. */
function requireProxy(name: string, value: string | undefined): void {
  if (!value || isProxy(value)) return;
  const message = `cannot use ${name}: it is no URL like http://host:port`;
  const hint =
    "write http://USER:PASSWORD@HOST:PORT, with % and two digits for special characters, or leave it out";
  throw new StoreFailure("store-misconfigured", message, { hint });
}

function isProxy(text: string): boolean {
  try {
    const { protocol, username, password } = new URL(text);
    decodeURIComponent(username + password);
    return protocol === "http:" || protocol === "https:";
  } catch {
    return false;
  }
}
