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
import { Client, Metadata, type ChannelOptions, type ServiceError } from "@grpc/grpc-js";
import { HoldfastError } from "../errors.ts";
import { createPatience } from "../io/patience.ts";
import { callFailure } from "./call-failure.ts";
import type { Endpoint } from "./endpoint.ts";
import { Auth } from "./gen/etcdserverpb/rpc_pb.ts";
import { MessageStream } from "./message-stream.ts";
import { Connector, type ConnectionTrail } from "./connector.ts";
import type { TlsSettings } from "./tls-files.ts";

export interface ConnectionSettings {
  /** For endpoints that leave the choice: TLS if this is given. `https://` needs none of it. */
  readonly tls?: TlsSettings | undefined;
  readonly user?: User | undefined;
  /** A token made elsewhere, instead of a user: it cannot be renewed. */
  readonly token?: string | undefined;
  /** How long a call may go without an answer, connecting included. */
  readonly noProgressMs: number;
  /** Pings while calls are under way. Left out, only a lack of progress tells that the peer has gone. */
  readonly keepAlive?: KeepAlive | undefined;
}

export interface User {
  readonly name: string;
  readonly password: string;
}

export interface KeepAlive {
  readonly timeMs: number;
  readonly timeoutMs: number;
}

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

/** Enough for 1 GB/s at 16 ms, or 500 MB/s at 30 ms, between here and the server. */
const FLOW_CONTROL_WINDOW = 16 << 20;

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
    return this.#authenticated(signal, (metadata) => this.#ask(method, request, metadata, signal));
  }

  /**
   * One question, many answers, not decoded. Resolves when the first of them has come (`undefined`: there is none), so
   * that a refusal is told here.
   */
  async serverStream(
    method: DescMethod,
    request: Uint8Array,
    { signal }: CallOptions = {},
  ): Promise<{ first: Buffer | undefined; stream: MessageStream }> {
    return this.#authenticated(signal, async (metadata) => {
      const stream = new MessageStream(
        this.#channel.makeServerStreamRequest(pathOf(method), asBuffer, asIs, request, metadata),
        { ...this.#streamSettings(method, signal), noProgressMs: this.#settings.noProgressMs },
      );
      try {
        return { first: await stream.next(), stream };
      } catch (error) {
        stream[Symbol.dispose]();
        throw error;
      }
    });
  }

  /** A call in both directions. Waiting for its answers has no limit: a watch may have nothing to tell for days. */
  async duplex<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O>,
    { signal }: CallOptions = {},
  ): Promise<Duplex<I, O>> {
    const metadata = await this.#metadata(signal);
    const encode = (request: MessageInitShape<I>): Buffer =>
      asBuffer(toBinary(method.input, create(method.input, request)));
    const call = this.#channel.makeBidiStreamRequest(pathOf(method), encode, asIs, metadata);
    const stream = new MessageStream(call, this.#streamSettings(method, signal));
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
    work: (metadata: Metadata) => Promise<T>,
  ): Promise<T> {
    const metadata = await this.#metadata(signal);
    try {
      return await work(metadata);
    } catch (error) {
      if (this.#settings.user === undefined || !isRefusedToken(error)) throw error;
      return work(await this.#metadata(signal));
    }
  }

  async #metadata(signal: AbortSignal | undefined): Promise<Metadata> {
    signal?.throwIfAborted();
    const { user } = this.#settings;
    if (user !== undefined) this.#token ??= await this.#authenticate(user, signal);
    const metadata = new Metadata();
    if (this.#token) metadata.set("token", this.#token);
    return metadata;
  }

  /** A new token; "" where authentication is off, as etcd's own client takes it. */
  async #authenticate(user: User, signal: AbortSignal | undefined): Promise<string> {
    try {
      const answer = await this.#ask(Auth.method.authenticate, user, new Metadata(), signal);
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
    metadata: Metadata,
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
      const path = pathOf(method);
      const call = this.#channel.makeUnaryRequest(path, asBuffer, asIs, bytes, metadata, done);
      signal.addEventListener("abort", () => call.cancel());
    }).catch(async (error: ServiceError) => {
      throw signal.aborted ? signal.reason : await this.#explain(error, method);
    });
    return fromBinary(method.output, answer);
  }

  #streamSettings(method: DescMethod, signal: AbortSignal | undefined) {
    return {
      signal,
      late: () => this.#silence(method),
      explain: (error: ServiceError) => this.#explain(error, method),
    };
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
  async #explain(error: ServiceError, method: DescMethod): Promise<HoldfastError> {
    const { endpoint, isSecure } = this;
    const { user } = this.#settings;
    const context = { endpoint, isSecure, method: method.name, user: user?.name };
    const failure = await callFailure(error, { ...context, trail: this.#trail });
    if (user !== undefined && isRefusedToken(failure)) this.#token = undefined;
    return failure;
  }
}

function isRefusedToken(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === "authentication-failed";
}

function channelOptions({ keepAlive }: ConnectionSettings): ChannelOptions {
  return {
    "grpc-node.flow_control_window": FLOW_CONTROL_WINDOW,
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    "grpc.enable_retries": 0,
    "grpc.enable_channelz": 0,
    // etcd's own client does not go through HTTP proxies either
    "grpc.enable_http_proxy": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.use_local_subchannel_pool": 1,
    "grpc.primary_user_agent": "holdfast",
    ...(keepAlive && {
      "grpc.keepalive_time_ms": keepAlive.timeMs,
      "grpc.keepalive_timeout_ms": keepAlive.timeoutMs,
    }),
  };
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

async function* decoded<O extends DescMessage>(
  stream: MessageStream,
  schema: O,
): AsyncGenerator<MessageShape<O>> {
  for (let next = await stream.next(); next !== undefined; next = await stream.next())
    yield fromBinary(schema, next);
}
