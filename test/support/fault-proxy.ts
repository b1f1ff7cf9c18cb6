/**
 * An HTTP proxy of ours between a driver and its real server. Everything passes unchanged, `Host` included (signatures
 * hold), but for requests that a rule breaks: each rule says which, how often, and how. Nothing is left to chance.
 */
import { once } from "node:events";
import { Agent, createServer, request as sendRequest } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { shutter } from "./shutting.ts";
import { reset } from "./tcp-fault-proxy.ts";

export type Fault =
  /** The proxy answers by itself, after it has read the request; `early`: at once, and closes. The server sees nothing. */
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
      readonly early?: boolean;
    }
  /** So many bytes of the request's body reach the server, then both connections are reset. */
  | { readonly kind: "reset-request"; readonly afterBytes: number }
  /** So many bytes of the request's body are taken, then no more; the connection stays. */
  | { readonly kind: "stall-request"; readonly afterBytes: number }
  /** The server gets the whole request and does it; its answer is lost in a reset. */
  | { readonly kind: "lose-answer" }
  /** The server does the request; nothing ever comes back, and the connection stays. */
  | { readonly kind: "hold-answer" }
  /** Head and so many bytes of the answer's body come, then a reset. */
  | { readonly kind: "reset-answer"; readonly afterBytes: number }
  /** Head and so many bytes of the answer's body come, then the connection is closed in an orderly way. */
  | { readonly kind: "cut-answer"; readonly afterBytes: number }
  /** Head and so many bytes of the answer's body come, then nothing more; the connection stays. */
  | { readonly kind: "stall-answer"; readonly afterBytes: number }
  /** Content-Length lies: with a negative number the body is cut to it, with a positive one bytes are missing. */
  | { readonly kind: "wrong-length"; readonly add: number }
  /** One bit of the answer's body is another one. */
  | { readonly kind: "flip-answer"; readonly at: number }
  /** Both bodies in drops of so many bytes, with a pause after each. */
  | { readonly kind: "drip"; readonly bytes: number; readonly everyMs: number };

/** A request as it came, and what became of it so far. */
export interface Seen {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  /** Bytes of the body that came so far. */
  readonly bodyBytes: number;
  /** What the client was answered, once it was. */
  readonly status: number | undefined;
  readonly fault: Fault["kind"] | undefined;
}

export interface Rule {
  /** All requests when left out. */
  readonly matches?: (request: Seen) => boolean;
  /** So many that match pass unbroken first. */
  readonly skip?: number;
  /** So many are broken; one when left out. */
  readonly times?: number;
  readonly fault: Fault;
}

/** A rule at work. */
export interface Injected {
  /** Requests broken so far. */
  readonly applied: number;
}

export interface FaultProxy extends AsyncDisposable {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Every request, in the order in which they came. */
  readonly seen: readonly Seen[];
  /** Rules are asked in the order in which they were given; the first that still holds for a request breaks it. */
  inject(rule: Rule): Injected;
  /** Takes all rules back. */
  heal(): void;
}

interface ActiveRule extends Rule {
  passed: number;
  applied: number;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly seen: { -readonly [K in keyof Seen]: Seen[K] };
  readonly target: URL;
}

/** Starts a proxy in front of `http://host:port`. */
export async function faultProxy(target: string): Promise<FaultProxy> {
  const rules: ActiveRule[] = [];
  const all: Exchange["seen"][] = [];
  const server = createServer((request, response) => {
    const { method = "", url: path = "", headers } = request;
    const seen = { method, path, headers, bodyBytes: 0, status: undefined, fault: undefined };
    all.push(seen);
    request.on("error", () => {});
    response.on("error", () => {});
    serve({ request, response, seen, target: new URL(target) }, ruleFor(rules, seen)).catch(() => {
      if (response.socket !== null) reset(response.socket);
    });
  });
  Object.assign(server, { requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 });
  const shut = shutter(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    host: "127.0.0.1",
    port,
    seen: all,
    inject(rule) {
      const active = { ...rule, passed: 0, applied: 0 };
      rules.push(active);
      return active;
    },
    heal: () => void rules.splice(0),
    [Symbol.asyncDispose]: shut,
  };
}

function ruleFor(rules: readonly ActiveRule[], seen: Exchange["seen"]): Fault | undefined {
  for (const rule of rules) {
    if (rule.applied >= (rule.times ?? 1) || rule.matches?.(seen) === false) continue;
    if (rule.passed++ < (rule.skip ?? 0)) continue;
    rule.applied++;
    seen.fault = rule.fault.kind;
    return rule.fault;
  }
  return undefined;
}

async function serve(exchange: Exchange, fault: Fault | undefined): Promise<void> {
  if (fault?.kind === "answer") return answerItself(exchange, fault);
  const upstream = open(exchange);
  const answered = once(upstream, "response") as Promise<[IncomingMessage]>;
  answered.catch(() => {});
  try {
    await Promise.race([sendBody(exchange, upstream, fault), answered]);
    const [answer] = await answered;
    answer.on("error", () => {});
    await passAnswer(exchange, answer, fault);
  } finally {
    upstream.destroy();
  }
}

async function answerItself(
  { request, response, seen }: Exchange,
  fault: Fault & { kind: "answer" },
): Promise<void> {
  if (fault.early !== true)
    for await (const bytes of drops(request, undefined)) seen.bodyBytes += bytes.length;
  const body = fault.body ?? "";
  const close = fault.early === true ? { connection: "close" } : {};
  response.writeHead(fault.status, {
    "content-length": Buffer.byteLength(body),
    ...close,
    ...fault.headers,
  });
  seen.status = fault.status;
  response.end(seen.method === "HEAD" ? undefined : body);
}

const agent = new Agent({ keepAlive: false });

function open({ request, target }: Exchange) {
  const headers = request.rawHeaders.filter((_, index, all) => {
    const name = all[index - (index % 2)]!.toLowerCase();
    return name !== "expect" && name !== "connection";
  });
  const { method, url: path } = request;
  const { hostname: host, port } = target;
  const upstream = sendRequest({ host, port, method, path, headers, agent });
  upstream.on("error", () => {});
  return upstream;
}

async function sendBody(
  { request, seen, response }: Exchange,
  upstream: ReturnType<typeof open>,
  fault: Fault | undefined,
): Promise<void> {
  const limit =
    fault?.kind === "reset-request" || fault?.kind === "stall-request"
      ? fault.afterBytes
      : undefined;
  for await (const bytes of drops(request, fault)) {
    const room = limit === undefined ? bytes.length : limit - seen.bodyBytes;
    const taken = bytes.subarray(0, Math.max(0, room));
    seen.bodyBytes += taken.length;
    if (taken.length > 0 && !upstream.write(taken)) await drained(upstream);
    if (limit !== undefined && seen.bodyBytes >= limit) break;
  }
  if (fault?.kind === "stall-request") await once(response, "close");
  if (fault?.kind === "reset-request") throw new Error("reset as the rule says");
  upstream.end();
}

async function drained(stream: NodeJS.EventEmitter): Promise<void> {
  const over = new AbortController();
  const first = ["drain", "close"].map((name) => once(stream, name, over));
  await Promise.race(first).finally(() => over.abort());
}

async function* drops(body: IncomingMessage, fault: Fault | undefined): AsyncIterable<Buffer> {
  for await (const bytes of body.iterator({ destroyOnReturn: false })) {
    if (fault?.kind !== "drip") yield bytes;
    else
      for (let at = 0; at < bytes.length; at += fault.bytes) {
        yield bytes.subarray(at, at + fault.bytes);
        await sleep(fault.everyMs);
      }
  }
}

async function passAnswer(
  { response, seen }: Exchange,
  answer: IncomingMessage,
  fault: Fault | undefined,
): Promise<void> {
  if (fault?.kind === "lose-answer") throw new Error("lost as the rule says");
  if (fault?.kind === "hold-answer") await once(response, "close");
  seen.status = answer.statusCode;
  response.writeHead(answer.statusCode!, headersOf(answer, fault));
  response.flushHeaders();
  const limit = bodyLimit(answer, fault);
  let passed = 0;
  for await (const bytes of drops(answer, fault)) {
    const taken = bytes.subarray(0, Math.min(bytes.length, limit - passed));
    if (fault?.kind === "flip-answer" && fault.at >= passed && fault.at < passed + taken.length)
      taken[fault.at - passed]! ^= 1;
    passed += taken.length;
    if (!response.write(taken)) await drained(response);
    if (passed >= limit) break;
  }
  await endAnswer(response, fault);
}

function headersOf(answer: IncomingMessage, fault: Fault | undefined): string[] {
  const headers = answer.rawHeaders.slice();
  if (fault?.kind !== "wrong-length") return headers;
  const at = headers.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === "content-length");
  if (at < 0) throw new Error("an answer without Content-Length cannot lie about it");
  headers[at + 1] = String(Number(headers[at + 1]) + fault.add);
  return headers;
}

function bodyLimit(answer: IncomingMessage, fault: Fault | undefined): number {
  switch (fault?.kind) {
    case "reset-answer":
    case "cut-answer":
    case "stall-answer":
      return fault.afterBytes;
    case "wrong-length":
      return Number(answer.headers["content-length"]) + Math.min(0, fault.add);
    default:
      return Infinity;
  }
}

async function endAnswer(response: ServerResponse, fault: Fault | undefined): Promise<void> {
  await new Promise((written) => response.write("", written));
  if (fault?.kind === "reset-answer") throw new Error("reset as the rule says");
  if (fault?.kind === "stall-answer") await once(response, "close");
  if (fault?.kind === "cut-answer" || fault?.kind === "wrong-length") response.socket?.end();
  else response.end();
}
