/** An HTTP proxy as companies have them: clients ask it for hosts by name. Ours leads every name to a place on loopback. */
import { once } from "node:events";
import { createServer, request as sendRequest } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { shutter } from "./shutting.ts";

/** What was asked of it. */
export interface Passage {
  /** CONNECT for a tunnel, else the method of a request that was passed on in plain. */
  readonly method: string;
  /** With the port. */
  readonly host: string;
  /** As it came: Basic with user and password. */
  readonly authorization: string | undefined;
}

export interface ForwardProxy extends AsyncDisposable {
  readonly url: string;
  readonly passages: readonly Passage[];
}

/**
 * Starts one.
 *
 * @param portOf the port of 127.0.0.1 that a host, without its port, is led to
 * @param allows whether somebody may pass; all others get 407
 */
export async function forwardProxy(
  portOf: (host: string) => number,
  allows: (passage: Passage) => boolean = () => true,
): Promise<ForwardProxy> {
  const passages: Passage[] = [];
  const note = ({ method = "", headers }: IncomingMessage, host: string): boolean => {
    const passage = { method, host, authorization: headers["proxy-authorization"] };
    passages.push(passage);
    return allows(passage);
  };
  const server = createServer((request, response) => {
    const url = new URL(request.url!);
    if (note(request, url.host)) pass(request, response, url, portOf(url.hostname));
    else response.writeHead(407).end();
  });
  const shut = shutter(server);
  server.on("connection", mayBreak);
  server.on("connect", (request, client) => {
    if (!note(request, request.url!))
      return void client.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    const { hostname } = new URL(`http://${request.url}`);
    const upstream = connect(portOf(hostname), "127.0.0.1", () => {
      client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      client.pipe(upstream).pipe(client);
    });
    mayBreak(upstream);
    upstream.on("close", () => client.destroy());
    client.on("close", () => upstream.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    passages,
    [Symbol.asyncDispose]: shut,
  };
}

function mayBreak(socket: Socket): void {
  socket.on("error", () => {});
}

function pass(request: IncomingMessage, response: ServerResponse, url: URL, port: number): void {
  const path = url.pathname + url.search;
  const { method, headers } = request;
  const upstream = sendRequest({ host: "127.0.0.1", port, method, path, headers }, (answer) => {
    response.writeHead(answer.statusCode!, answer.headers);
    answer.pipe(response);
  });
  upstream.on("error", () => response.destroy());
  request.pipe(upstream);
}
