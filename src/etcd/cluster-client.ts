import {
  type DescMessage,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import { HoldfastError } from "../errors.ts";
import { wasNeverSent } from "./call-failure.ts";
import { Connection, type CallOptions } from "./connection.ts";
import type { ConnectionSettings } from "./connection-settings.ts";
import { discoverEndpoints, type Discovery } from "./discovery.ts";
import { parseEndpoint, type Endpoint } from "./endpoint.ts";
import { silentLog, type Log } from "../io/log.ts";
import { Maintenance } from "./gen/etcdserverpb/rpc_pb.ts";
import { allFailed } from "./probe.ts";
import { readTlsFiles } from "./tls-files.ts";

export interface EndpointOptions extends ConnectionSettings {
  /** As `parseEndpoint` takes them. */
  readonly endpoints: readonly string[];
  /** Where to look for endpoints instead. */
  readonly discovery?: Discovery | undefined;
}

/** The endpoints of one cluster, each with a connection of its own, which is made when it is first used. */
export class ClusterClient implements Disposable {
  /** To the endpoints that were given or discovered. */
  readonly connections: readonly Connection[];
  readonly #settings: ConnectionSettings;
  readonly #further: Connection[] = [];
  #preferred: Connection | undefined;

  constructor(endpoints: readonly Endpoint[], settings: ConnectionSettings) {
    this.connections = endpoints.map((endpoint) => new Connection(endpoint, settings));
    this.#settings = settings;
  }

  /** A connection to a URL that a member advertises; it ends with this client. */
  connect(url: string): Connection {
    const connection = new Connection(parseEndpoint(url), this.#settings);
    this.#further.push(connection);
    return connection;
  }

  /**
   * A call that any member can answer. It goes to the endpoint that answered last, or to whichever answers first.
   * When its connection is lost, it is tried once more elsewhere, if it changes nothing or was never sent.
   */
  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions = {},
  ): Promise<MessageShape<O>> {
    const first = this.#preferred ?? (await quickest(this.connections, options));
    try {
      const answer = await first.unary(method, request, options);
      this.#preferred = first;
      return answer;
    } catch (error) {
      this.#preferred = undefined;
      const others = this.connections.filter((connection) => connection !== first);
      if (others.length === 0 || !mayGoElsewhere(error, method)) throw error;
      return (await quickest(others, options)).unary(method, request, options);
    }
  }

  [Symbol.dispose](): void {
    for (const connection of [...this.connections, ...this.#further]) connection[Symbol.dispose]();
  }
}

/** Finds the endpoints and checks the TLS files; nothing is connected yet. Throws "usage" where there is no endpoint. */
export async function createClusterClient(
  options: EndpointOptions,
  { signal, log = silentLog }: CallOptions & { readonly log?: Log } = {},
): Promise<ClusterClient> {
  const { discovery, endpoints: given, noProgressMs } = options;
  const texts = discovery
    ? await discoverEndpoints(discovery, { noProgressMs, signal, log })
    : given;
  const endpoints = texts.map(parseEndpoint);
  if (endpoints.length === 0)
    throw new HoldfastError("usage", "no endpoint is given", { hint: "give --endpoints" });
  if (options.tls !== undefined) await readTlsFiles(options.tls, signal);
  return new ClusterClient(endpoints, options);
}

async function quickest(
  connections: readonly Connection[],
  options: CallOptions,
): Promise<Connection> {
  if (connections.length === 1) return connections[0]!;
  const knock = async (connection: Connection): Promise<Connection> => {
    await connection.unary(Maintenance.method.status, {}, options);
    return connection;
  };
  return Promise.any(connections.map(knock)).catch(({ errors }: AggregateError) => {
    options.signal?.throwIfAborted();
    throw allFailed(errors as HoldfastError[]);
  });
}

const LOST: ReadonlySet<string> = new Set(["connection-failed", "no-progress"]);

function mayGoElsewhere(error: unknown, { idempotency }: DescMethodUnary): boolean {
  if (!(error instanceof HoldfastError)) return false;
  if (wasNeverSent(error)) return true;
  return idempotency === Idempotency.NO_SIDE_EFFECTS && LOST.has(error.code);
}
