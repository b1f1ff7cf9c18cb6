/**
 * A stand-in for clouds, and for those who give tokens, where no emulator shows what is wanted: it answers what a test
 * says, and keeps every request. Drivers reach it under the clouds' own names, by a proxy that leads all of them here.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer as createPlainServer } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";
import { certificate, makeCertificates, type TlsFiles } from "./certificates.ts";
import { forwardProxy } from "./forward-proxy.ts";
import { scratch } from "./scratch.ts";
import { shutter } from "./shutting.ts";

/** A request as it came. */
export interface Asked {
  readonly method: string;
  /** Without the port. */
  readonly host: string;
  /** Decoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Answer {
  /** 200 when left out. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON, pieces one by one. */
  readonly body?: string | Uint8Array | AsyncIterable<string> | object;
}

/** What to say; undefined is 404, "reset" breaks the connection. */
export type Respond = (asked: Asked) => Answer | "reset" | undefined;

export interface CloudStub extends AsyncDisposable {
  /** With TLS. */
  readonly port: number;
  /** Without TLS, for what is asked in plain on a machine. */
  readonly url: string;
  /** Leads every host to the stub. */
  readonly proxyURL: string;
  /** PEM of the authority that its certificate comes from. */
  readonly caFile: string;
  /** Parameters of a store's URL that lead there. */
  readonly parameters: string;
  /** Every request, in the order in which they came. */
  readonly asked: readonly Asked[];
}

/** Starts one, with a certificate of its own when there is none yet. */
export async function cloudStub(respond: Respond, known?: TlsFiles): Promise<CloudStub> {
  const folder = await scratch();
  if (known === undefined) await makeCertificates(folder.path);
  const { caFile, certFile, keyFile } = known ?? certificate(folder.path, "cloud");
  const asked: Asked[] = [];
  const serve = (request: IncomingMessage, response: ServerResponse): void =>
    void answer(request, response, asked, respond).catch(() => response.destroy());
  const tls = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
  const servers = [createTlsServer(tls, serve), createPlainServer(serve)] as const;
  const shut = servers.map((server) => shutter(server));
  const [securePort, plainPort] = await Promise.all(
    servers.map(async (server) => {
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      return (server.address() as AddressInfo).port;
    }),
  );
  const proxy = await forwardProxy(() => securePort!);
  return {
    port: securePort!,
    url: `http://127.0.0.1:${plainPort}`,
    proxyURL: proxy.url,
    caFile,
    parameters: `proxy=${proxy.url}&caFile=${caFile}`,
    asked,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await Promise.all(shut.map((close) => close()));
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  all: Asked[],
  respond: Respond,
): Promise<void> {
  const { method = "", headers } = request;
  const url = new URL(request.url!, `http://${headers.host}`);
  const one = {
    method,
    host: url.hostname,
    path: decodeURIComponent(url.pathname),
    query: url.searchParams,
    headers,
    body: Buffer.concat(await request.toArray()),
  };
  all.push(one);
  const said = respond(one);
  if (said === "reset") return void request.socket.destroy();
  const { status = 200, headers: more = {}, body = "" } = said ?? { status: 404 };
  if (Symbol.asyncIterator in Object(body)) {
    response.writeHead(status, { "content-type": "application/xml", ...more });
    return pipeline(body as AsyncIterable<string>, response);
  }
  const bytes =
    typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
  const type = bytes === body ? "application/xml" : "application/json";
  const length = { "content-length": String(Buffer.byteLength(bytes)) };
  response.writeHead(status, { "content-type": type, ...length, ...more });
  response.end(method === "HEAD" ? undefined : bytes);
}
