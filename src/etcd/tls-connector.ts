import type { X509Certificate } from "node:crypto";
import { isIP, type Socket } from "node:net";
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
 * TLS towards one endpoint, for the gRPC library. Other than the library's own, it reads the files for every
 * connection, and writes down why a handshake failed, also when the server says so only after it (as in TLS 1.3).
 */
export class TlsConnector extends ChannelCredentials {
  readonly #endpoint: Endpoint;
  readonly #settings: TlsSettings;
  readonly #trail: ConnectionTrail;

  constructor(endpoint: Endpoint, settings: TlsSettings, trail: ConnectionTrail) {
    super();
    this.#endpoint = endpoint;
    this.#settings = settings;
    this.#trail = trail;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(): SecureConnector {
    return {
      connect: async (socket) => ({ socket: await this.#connect(socket), secure: true }),
      waitForReady: async () => {},
      getCallCredentials: () => CallCredentials.createEmpty(),
      destroy() {},
    };
  }

  async #connect(socket: Socket): Promise<TLSSocket> {
    const trail = this.#trail;
    trail.error = undefined;
    try {
      const { context, clientCertificate } = await readTlsFiles(this.#settings);
      trail.clientCertificate = clientCertificate;
      const secured = await handshake(socket, context, this.#name);
      secured.on("error", (error) => (trail.error ??= error));
      if (this.#settings.skipVerify !== true) this.#judge(secured);
      return secured;
    } catch (error) {
      trail.error ??= error as Error;
      throw error;
    }
  }

  get #name(): string {
    return this.#settings.serverName ?? this.#endpoint.certificateName;
  }

  /** Judged here and not in the handshake: only after it the certificate can be named in the error. */
  #judge(secured: TLSSocket): void {
    const certificate = secured.getPeerCertificate();
    const reason: unknown = secured.authorized
      ? checkServerIdentity(this.#name, certificate)
      : secured.authorizationError;
    if (reason === undefined) return;
    secured.destroy();
    const code = reason instanceof Error ? (reason as NodeJS.ErrnoException).code : reason;
    const problem = { endpoint: this.#endpoint.text, name: this.#name, code: String(code) };
    throw serverCertificateFailure({ ...problem, certificate });
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
    secured.once("secureConnect", () => {
      secured.removeListener("error", reject);
      resolve(secured);
    });
  });
}
