/**
 * A gRPC proxy in front of one member that keeps the snapshot bytes which the member sent, and that breaks the
 * stream on request. Everything else passes unchanged.
 */
import { readFileSync } from "node:fs";
import { connect, constants, createSecureServer, createServer } from "node:http2";
import type { ClientHttp2Session, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { IncomingHttpHeaders } from "node:http2";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { readFields } from "../../src/format/protobuf.ts";
import { certificate } from "./certificates.ts";
import type { Cluster } from "./etcd.ts";
import { shutter } from "./shutting.ts";

export interface Fault {
  /** Passes this many snapshot bytes (a little more: whole messages), then breaks the connection. */
  readonly cutAfter?: number;
  /** Passes this many snapshot bytes, then nothing more; the connection stays. */
  readonly stallAfter?: number;
  /** Leaves out the last message, which is the SHA-256; the call ends well. */
  readonly withoutLast?: boolean;
  /** Waits before each message of a snapshot, in milliseconds. */
  readonly delayMs?: number;
}

export interface RecordingProxy extends AsyncDisposable {
  /** What to give to the client instead of the member's URL. */
  readonly url: string;
  /** The bytes of each snapshot call in order, as far as the member sent them. */
  readonly snapshots: readonly Buffer[];
  /** Holds for snapshot calls that begin from now on; `{}` ends it. */
  breakWith(fault: Fault): void;
  /** Resolves once a snapshot call was cut or stalled. */
  readonly broken: Promise<void>;
}

const WINDOW = 4 << 20;

interface Recording {
  readonly parts: Uint8Array[];
  bytes: number;
}

/** Starts a proxy in front of a member of the cluster (the first when left out); with TLS it shows `server`'s certificate. */
export async function recordingProxy(cluster: Cluster, member = 0): Promise<RecordingProxy> {
  const { certificates } = cluster;
  const recordings: Recording[] = [];
  const broken = Promise.withResolvers<void>();
  let fault: Fault = {};
  const server = certificates === undefined ? plain() : secure(certificates);
  const shut = shutter(server);
  const sessions = new Set<Session>();
  server.on("session", (downstream: ServerHttp2Session) => {
    const upstream = connect(cluster.endpoints[member]!, {
      ...(certificates !== undefined && credentials(certificates, "client")),
      settings: { initialWindowSize: WINDOW },
    });
    upstream.on("connect", () => {
      if (!upstream.destroyed) upstream.setLocalWindowSize(4 * WINDOW);
    });
    endTogether(upstream, downstream, sessions);
    downstream.on("stream", (stream, headers) => {
      const answer = forward(stream, upstream, headers);
      if (headers[":path"] !== "/etcdserverpb.Maintenance/Snapshot") {
        answer.pipe(stream);
        return;
      }
      const recording: Recording = { parts: [], bytes: 0 };
      recordings.push(recording);
      const cut = async (): Promise<void> => {
        await new Promise((written) => stream.write(new Uint8Array(0), written));
        downstream.destroy();
      };
      const relayed = relay(answer, recording, { ...fault, broken: broken.resolve, cut });
      pipeline(relayed, stream).catch(() => {}); // the client went away, or was made to
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${certificates === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    get snapshots() {
      return recordings.map(({ parts }) => Buffer.concat(parts));
    },
    breakWith: (next) => (fault = next),
    broken: broken.promise,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await shut();
    },
  };
}

type Session = ServerHttp2Session | ClientHttp2Session;

function endTogether(upstream: Session, downstream: Session, open: Set<Session>): void {
  for (const [one, other] of [
    [upstream, downstream],
    [downstream, upstream],
  ] as const) {
    open.add(one);
    one.on("error", () => other.destroy());
    one.on("close", () => {
      open.delete(one);
      other.close();
    });
  }
}

function plain() {
  return createServer({ settings: { initialWindowSize: WINDOW } });
}

function secure(certificates: string) {
  return createSecureServer({
    ...credentials(certificates, "server"),
    requestCert: true,
    rejectUnauthorized: true,
    settings: { initialWindowSize: WINDOW },
  });
}

function credentials(certificates: string, name: "server" | "client") {
  const { caFile, certFile, keyFile } = certificate(certificates, name);
  return { ca: readFileSync(caFile), cert: readFileSync(certFile), key: readFileSync(keyFile) };
}

/** Sends a request on and gives the answer's body; headers and trailers are passed here. */
function forward(
  stream: ServerHttp2Stream,
  upstream: ClientHttp2Session,
  headers: IncomingHttpHeaders,
) {
  const { ":authority": _authority, ...rest } = headers;
  const answer = upstream.request(rest);
  let trailers: IncomingHttpHeaders = {};
  answer.on("response", (response, flags) => {
    const endStream = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    if (!stream.destroyed) stream.respond(response, { endStream, waitForTrailers: !endStream });
  });
  answer.on("trailers", (sent: IncomingHttpHeaders) => (trailers = sent));
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  answer.on("error", () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
  stream.on("error", () => {});
  stream.on("close", () => answer.close(constants.NGHTTP2_CANCEL));
  stream.pipe(answer);
  return answer;
}

interface ActiveFault extends Fault {
  broken(): void;
  cut(): Promise<void>;
}

/** The messages of a snapshot, recorded on their way and broken off as the fault says. */
async function* relay(
  answer: AsyncIterable<Buffer>,
  recording: Recording,
  fault: ActiveFault,
): AsyncGenerator<Buffer> {
  const sent = messages(answer);
  for await (const message of fault.withoutLast === true ? allButLast(sent) : sent) {
    const blob = blobOf(message.subarray(5));
    recording.parts.push(blob);
    recording.bytes += blob.length;
    if (fault.delayMs !== undefined) await sleep(fault.delayMs);
    yield message;
    if (recording.bytes > (fault.stallAfter ?? Infinity)) {
      fault.broken();
      await new Promise(() => {});
    }
    if (recording.bytes > (fault.cutAfter ?? Infinity)) {
      await fault.cut();
      fault.broken();
    }
  }
}

async function* allButLast<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
  let held: { readonly item: T } | undefined;
  for await (const item of items) {
    if (held !== undefined) yield held.item;
    held = { item };
  }
}

/** gRPC messages with their five bytes of prefix: a flag and the length, big endian. */
async function* messages(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let size = 0;
  for await (const bytes of body) {
    held.push(bytes);
    size += bytes.length;
    for (;;) {
      if (size < 5) break;
      if (held[0]!.length < 5) held = [Buffer.concat(held)];
      const length = 5 + held[0]!.readUInt32BE(1);
      if (size < length) break;
      const all = Buffer.concat(held);
      yield all.subarray(0, length);
      held = [all.subarray(length)];
      size -= length;
    }
  }
}

/** SnapshotResponse.blob. */
function blobOf(message: Uint8Array): Uint8Array {
  for (const field of readFields(message)) if (field.number === 3) return field.bytes;
  return new Uint8Array(0);
}
