import type { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect as connectPlain, isIP, type Socket } from "node:net";
import { checkServerIdentity, connect, type SecureContext, type TLSSocket } from "node:tls";
import { CallCredentials, ChannelCredentials } from "@grpc/grpc-js";
import type { Endpoint } from "./endpoint.ts";
import { serverCertificateFailure } from "./tls-failure.ts";
import { readTlsFiles, type TlsSettings } from "./tls-files.ts";

/**
 * What is known of the newest connection to an endpoint: the gRPC library passes on only a text, and for a
 * connection that breaks after it was made, not even that.
 */
export interface ConnectionTrail {
  /** Why it failed; what came first, as the rest is only its consequence. */
  error: Error | undefined;
  clientCertificate: X509Certificate | undefined;
}

type SecureConnector = ReturnType<ChannelCredentials["_createSecureConnector"]>;

/**
 * What the gRPC library puts between the TCP sockets that it opens to one endpoint and HTTP/2: TLS or nothing. Other
 * than its own, this reads the TLS files for every connection; writes down why a handshake failed, also when the
 * server says so only after it (as in TLS 1.3); and ends all connections when it is disposed of, those that are just
 * being made as well.
 */
export class Connector extends ChannelCredentials implements Disposable {
  readonly #endpoint: Endpoint;
  readonly #tls: TlsSettings | undefined;
  readonly #trail: ConnectionTrail;
  readonly #sockets = new Set<Socket>();

  /** @param tls without it there is none */
  constructor(endpoint: Endpoint, tls: TlsSettings | undefined, trail: ConnectionTrail) {
    super();
    this.#endpoint = endpoint;
    this.#tls = tls;
    this.#trail = trail;
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  override _isSecure(): boolean {
    return this.#tls !== undefined;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(): SecureConnector {
    return {
      connect: async (socket) => ({ socket: await this.#own(socket), secure: this._isSecure() }),
      waitForReady: async () => {},
      getCallCredentials: () => CallCredentials.createEmpty(),
      destroy() {},
    };
  }

  /** A connection for a caller that speaks HTTP/2 by itself. */
  async open(signal: AbortSignal): Promise<Socket> {
    const socket = connectPlain({ ...this.#endpoint.address, signal });
    await once(socket, "connect");
    socket.setNoDelay();
    return this.#own(socket, signal);
  }

  async #own(socket: Socket, signal?: AbortSignal): Promise<Socket> {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    // whoever takes the socket over hears of it as well; until then nobody would, and that would end the process
    socket.on("error", () => {});
    return this.#tls === undefined ? socket : this.#secure(socket, this.#tls, signal);
  }

  async #secure(socket: Socket, settings: TlsSettings, signal?: AbortSignal): Promise<TLSSocket> {
    const trail = this.#trail;
    trail.error = undefined;
    const name = settings.serverName ?? this.#endpoint.certificateName;
    try {
      const { context, clientCertificate } = await readTlsFiles(settings, signal);
      trail.clientCertificate = clientCertificate;
      if (socket.destroyed) throw socket.errored ?? new Error("the server hung up");
      const secured = await handshake(socket, context, name);
      secured.on("error", (error) => {
        trail.error ??= error;
        // Node leaves it open, and an HTTP/2 session above waits for its end
        socket.destroy();
      });
      if (settings.skipVerify !== true) this.#judge(secured, name);
      return secured;
    } catch (error) {
      trail.error ??= error as Error;
      throw error;
    }
  }

  /** Judged here and not in the handshake: only after it the certificate can be named in the error. */
  #judge(secured: TLSSocket, name: string): void {
    const certificate = secured.getPeerCertificate();
    const reason: unknown = secured.authorized
      ? checkServerIdentity(name, certificate)
      : secured.authorizationError;
    if (reason === undefined) return;
    secured.destroy();
    const code = reason instanceof Error ? (reason as NodeJS.ErrnoException).code : reason;
    const { text: endpoint } = this.#endpoint;
    throw serverCertificateFailure({ endpoint, name, code: String(code), certificate });
  }
}

function handshake(socket: Socket, secureContext: SecureContext, name: string): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const secured = connect({
      socket,
      secureContext,
      ALPNProtocols: ["h2"],
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      ...(isIP(name) === 0 && { servername: name }),
    });
    secured.once("error", reject);
    secured.once("close", () => reject(new Error("the server hung up during the TLS handshake")));
    secured.once("secureConnect", () => {
      secured.removeListener("error", reject);
      resolve(secured);
    });
  });
}
