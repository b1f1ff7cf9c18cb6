/**
 * One streaming call over an HTTP/2 session of its own, for a body so large that what the gRPC library does with
 * every message would cost more than all the rest. Its failures look as the library's do.
 */
import {
  connect,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from "node:http2";
import type { Socket } from "node:net";
import { status as Status } from "@grpc/grpc-js";
import { callError, type CallError } from "./call-failure.ts";

export interface Http2CallOptions {
  readonly path: string;
  /** The server as `host:port`. */
  readonly authority: string;
  readonly isSecure: boolean;
  readonly token: string | undefined;
  /** Bytes that may be on their way. */
  readonly windowBytes: number;
}

export interface Http2Call {
  /** What the server answers: gRPC messages, cut anywhere. */
  readonly body: ClientHttp2Stream;
  /** When no more of it will come: the failure behind that, if it is one. */
  failure(): CallError | undefined;
  /** Ends the session and its socket. */
  cancel(): void;
}

/** An empty message, with its prefix. */
const REQUEST = new Uint8Array(5);

/** Sends an empty message over a connected socket, and that is all. Rejects with a CallError. */
export async function http2Call(socket: Socket, options: Http2CallOptions): Promise<Http2Call> {
  const { path, authority, isSecure, token, windowBytes } = options;
  const session = connect(`${isSecure ? "https" : "http"}://${authority}`, {
    createConnection: () => socket,
    settings: { initialWindowSize: windowBytes, enablePush: false },
    // the window is the limit: a session that runs into this one as well fails
    maxSessionMemory: Number.MAX_SAFE_INTEGER,
  });
  await new Promise<void>((resolve, reject) => {
    session.once("remoteSettings", () => resolve());
    session.on("error", (error) => reject(noConnection(error)));
    session.once("close", () => reject(noConnection(new Error("it hung up"))));
  });
  session.setLocalWindowSize(windowBytes);
  const body = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    "user-agent": "holdfast",
    ...(token && { token }),
  });
  body.end(REQUEST);
  const answer: IncomingHttpHeaders & IncomingHttpStatusHeader = {};
  for (const event of ["response", "trailers"])
    body.on(event, (headers: IncomingHttpHeaders) => void Object.assign(answer, headers));
  return { body, failure: () => failureOf(answer), cancel: () => session.destroy() };
}

/** The library's own words for it. */
export function noConnection(error: Error): CallError {
  const details = `No connection established. Last error: ${error.message}`;
  return callError(Status.UNAVAILABLE, details, error);
}

/** Of the headers and trailers together; a call that was cut off has no status. */
function failureOf(answer: IncomingHttpHeaders & IncomingHttpStatusHeader): CallError | undefined {
  const { ":status": http, "grpc-status": status, "grpc-message": words } = answer;
  if (status === "0") return undefined;
  if (typeof status === "string") return callError(Number(status), decoded(String(words ?? "")));
  return http === undefined || http === 200
    ? callError(Status.UNAVAILABLE, "Connection dropped")
    : callError(Status.UNIMPLEMENTED, `HTTP status ${http}`);
}

function decoded(words: string): string {
  try {
    return decodeURIComponent(words);
  } catch {
    return words;
  }
}
