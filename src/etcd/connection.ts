import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethod,
  type DescMethodBiDiStreaming,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { Client, Metadata, type ServiceError } from "@grpc/grpc-js";
import { HoldfastError } from "../errors.ts";
import { createPatience } from "../io/patience.ts";
import { callFailure, type CallError } from "./call-failure.ts";
import { ChunkStream } from "./chunk-stream.ts";
import type { Endpoint } from "./endpoint.ts";
import { Auth } from "./gen/etcdserverpb/rpc_pb.ts";
import { noConnection, http2Call } from "./http2-call.ts";
import {
  FLOW_CONTROL_WINDOW,
  channelOptions,
  type ConnectionSettings,
  type User,
} from "./connection-settings.ts";
import { Connector, type ConnectionTrail } from "./connector.ts";

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** A call in which both sides send as they like. Iterating gives the answers; it ends with the server's status. */
export interface Duplex<I extends DescMessage, O extends DescMessage>
  extends AsyncIterable<MessageShape<O>>, Disposable {
  send(request: MessageInitShape<I>): void;
  /** No more requests; answers may still come. */
  end(): void;
}

/**
 * One endpoint. It connects at the first call, authenticates when there is a user, and again when the token is not
 * taken any more. What its calls reject with is a HoldfastError that names the endpoint, or the reason of the
 * caller's signal.
 */
export class Connection implements Disposable {
  readonly endpoint: Endpoint;
  readonly isSecure: boolean;
  readonly #settings: ConnectionSettings;
  readonly #connector: Connector;
  readonly #channel: Client;
  readonly #trail: ConnectionTrail = { error: undefined, clientCertificate: undefined };
  /** "" where authentication turned out to be off. */
  #token: string | undefined;

  constructor(endpoint: Endpoint, settings: ConnectionSettings) {
    const { transport } = endpoint;
    this.endpoint = endpoint;
    this.isSecure = transport === "tls" || (transport === "either" && settings.tls !== undefined);
    this.#settings = settings;
    this.#token = settings.token;
    this.#connector = new Connector(
      endpoint,
      this.isSecure ? (settings.tls ?? {}) : undefined,
      this.#trail,
    );
    this.#channel = new Client(endpoint.target, this.#connector, channelOptions(settings));
  }

  [Symbol.dispose](): void {
    this.#channel.close();
    this.#connector[Symbol.dispose]();
  }

  /** One question, one answer; "no-progress" if it does not come. */
  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    { signal }: CallOptions = {},
  ): Promise<MessageShape<O>> {
    return this.#authenticated(signal, (token) => this.#ask(method, request, token, signal));
  }

  /**
   * A question without content, and a long answer: `begin` gets its body, gRPC messages cut anywhere. What it rejects
   * with may be a refused token, so it has to read at least a little.
   */
  async bulk<T>(
    method: DescMethod,
    { signal }: CallOptions,
    begin: (body: ChunkStream) => Promise<T>,
  ): Promise<T> {
    return this.#authenticated(signal, async (token) => {
      const body = await this.#openBody(method, token, signal);
      try {
        return await begin(body);
      } catch (error) {
        body[Symbol.dispose]();
        throw error;
      }
    });
  }

  /** A call in both directions. Waiting for its answers has no limit: a watch may have nothing to tell for days. */
  async duplex<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O>,
    { signal }: CallOptions = {},
  ): Promise<Duplex<I, O>> {
    const metadata = metadataOf(await this.#currentToken(signal));
    const encode = (request: MessageInitShape<I>): Buffer =>
      asBuffer(toBinary(method.input, create(method.input, request)));
    const call = this.#channel.makeBidiStreamRequest(pathOf(method), encode, asIs, metadata);
    const stream = new ChunkStream(call, {
      signal,
      late: () => this.#silence(method),
      cancel: () => call.cancel(),
      explain: async (error) => error && this.#explain(error as ServiceError, method),
    });
    return {
      send: (request) => void call.write(request),
      end: () => call.end(),
      [Symbol.asyncIterator]: () => decoded(stream, method.output),
      [Symbol.dispose]: () => stream[Symbol.dispose](),
    };
  }

  /** Does it with the token there is; and once more with a new one, if that one was refused. */
  async #authenticated<T>(
    signal: AbortSignal | undefined,
    work: (token: string | undefined) => Promise<T>,
  ): Promise<T> {
    const token = await this.#currentToken(signal);
    try {
      return await work(token);
    } catch (error) {
      if (this.#settings.user === undefined || !isRefusedToken(error)) throw error;
      return work(await this.#currentToken(signal));
    }
  }

  async #currentToken(signal: AbortSignal | undefined): Promise<string | undefined> {
    signal?.throwIfAborted();
    const { user } = this.#settings;
    if (user !== undefined) this.#token ??= await this.#authenticate(user, signal);
    return this.#token;
  }

  /** A new token; "" where authentication is off, as etcd's own client takes it. */
  async #authenticate(user: User, signal: AbortSignal | undefined): Promise<string> {
    try {
      const answer = await this.#ask(Auth.method.authenticate, user, undefined, signal);
      return answer.token;
    } catch (error) {
      const cause = error instanceof HoldfastError ? (error.cause as ServiceError) : undefined;
      if (cause?.details?.includes("authentication is not enabled")) return "";
      throw error;
    }
  }

  async #ask<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    token: string | undefined,
    outer: AbortSignal | undefined,
  ): Promise<MessageShape<O>> {
    const late = () => this.#silence(method);
    using patience = createPatience(this.#settings.noProgressMs, outer, late);
    const { signal } = patience;
    signal.throwIfAborted();
    patience.start();
    const bytes = toBinary(method.input, create(method.input, request));
    const answer = await new Promise<Buffer>((resolve, reject) => {
      const done = (error: ServiceError | null, message?: Buffer): void =>
        error === null ? resolve(message!) : reject(error);
      const [path, metadata] = [pathOf(method), metadataOf(token)];
      const call = this.#channel.makeUnaryRequest(path, asBuffer, asIs, bytes, metadata, done);
      signal.addEventListener("abort", () => call.cancel());
    }).catch(async (error: ServiceError) => {
      throw signal.aborted ? signal.reason : await this.#explain(error, method);
    });
    return fromBinary(method.output, answer);
  }

  async #openBody(
    method: DescMethod,
    token: string | undefined,
    outer: AbortSignal | undefined,
  ): Promise<ChunkStream> {
    const { noProgressMs } = this.#settings;
    const late = () => this.#silence(method);
    using patience = createPatience(noProgressMs, outer, late);
    const { signal } = patience;
    signal.throwIfAborted();
    patience.start();
    const call = await this.#connector
      .open(signal)
      .catch((error: Error) => Promise.reject(noConnection(error)))
      .then((socket) =>
        http2Call(socket, {
          path: pathOf(method),
          authority: this.endpoint.authority,
          isSecure: this.isSecure,
          token,
          windowBytes: FLOW_CONTROL_WINDOW,
        }),
      )
      .catch(async (error: CallError) => {
        throw signal.aborted ? signal.reason : await this.#explain(error, method);
      });
    return new ChunkStream(call.body, {
      signal: outer,
      noProgressMs,
      late,
      cancel: call.cancel,
      explain: async () => {
        const failure = call.failure();
        return failure && this.#explain(failure, method);
      },
    });
  }

  #silence(method: DescMethod): HoldfastError {
    const seconds = this.#settings.noProgressMs / 1000;
    return new HoldfastError(
      "no-progress",
      `"${this.endpoint.text}" has been silent for ${seconds} s during ${method.name}`,
      {
        hint: "look at that member's load and at the way to it; raise the limit with --no-progress",
      },
    );
  }

  /** Forgets a token that was refused, so that the next call asks for another. */
  async #explain(error: CallError, method: DescMethod): Promise<HoldfastError> {
    const { endpoint, isSecure } = this;
    const { user, tls } = this.#settings;
    const context = { endpoint, isSecure, tls, method: method.name, user: user?.name };
    const failure = await callFailure(error, { ...context, trail: this.#trail });
    if (user !== undefined && isRefusedToken(failure)) this.#token = undefined;
    return failure;
  }
}

function isRefusedToken(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === "authentication-failed";
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function metadataOf(token: string | undefined): Metadata {
  const metadata = new Metadata();
  if (token) metadata.set("token", token);
  return metadata;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

async function* decoded<O extends DescMessage>(
  stream: ChunkStream,
  schema: O,
): AsyncGenerator<MessageShape<O>> {
  for (let next = await stream.next(); next !== undefined; next = await stream.next())
    yield fromBinary(schema, next);
}
