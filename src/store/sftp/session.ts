/** One login to a server, and the SFTP channel in it: requests that end, whatever happens to the connection. */
import type { Client, ConnectConfig, SFTPWrapper } from "ssh2";
import { createPatience, unlessAborted } from "../../io/patience.ts";
import { connectTcp, type TcpSocket } from "../../io/tcp.ts";
import { StoreFailure } from "../failure.ts";
import { changedHost, hostKeyAlgorithms, refuseHostKey } from "../ssh/host-key.ts";
import type { SshLogin } from "../ssh/login.ts";

/** What a request is answered with. */
export type Answer<T> = (error: Error | null | undefined, value: T) => void;

export interface SftpSession extends Disposable {
  readonly isOpen: boolean;
  /**
   * Sends a request. Throws a StoreFailure when the connection ends before the answer, else the server's error with its
   * status as `code`; 8 also for an extension that it does not offer.
   */
  ask<T>(send: (sftp: SFTPWrapper, answer: Answer<T>) => void): Promise<T>;
}

/** Part of the stall limit after which a silent connection is dead: before those who wait give it up. */
const DEAD_AFTER = 0.75;
const UNSUPPORTED = 8;

/** Logs in. Throws "store-unreachable", "store-refused" or "store-misconfigured" as sentences. */
export async function openSession(
  login: SshLogin,
  stallMs: number,
  signal: AbortSignal,
): Promise<SftpSession> {
  const where = `${login.host}:${login.port}`;
  const limitMs = stallMs * DEAD_AFTER;
  using patience = createPatience(limitMs, signal, () => lost(where, silence(limitMs)));
  patience.start();
  const { Client: NewClient } = (await import("ssh2")).default;
  const client = new NewClient();
  let isCut = false;
  let socket: TcpSocket | undefined;
  try {
    socket = await connectTcp(login.host, login.port, patience.signal);
    socket.on("close", () => (isCut = true));
    await unlessAborted(logIn(client, socket, login, limitMs / 3), patience.signal);
    client.setNoDelay(true);
    const sftp = await unlessAborted(openChannel(client), patience.signal);
    return session(client, socket, sftp, where, limitMs);
  } catch (error) {
    client.on("error", () => {}).destroy();
    // it leaves alone what the server has half closed
    socket?.destroy();
    patience.signal.throwIfAborted();
    throw explainLogin(login, error, isCut);
  }
}

async function logIn(
  client: Client,
  sock: TcpSocket,
  login: SshLogin,
  keepaliveMs: number,
): Promise<void> {
  let refused: StoreFailure | undefined;
  const serverHostKey = hostKeyAlgorithms(login);
  const config = {
    sock,
    username: login.user,
    authHandler: [...login.methods],
    readyTimeout: 0,
    // the answers show that the server lives while it is busy with a long request
    keepaliveInterval: keepaliveMs,
    keepaliveCountMax: Infinity,
    ...(serverHostKey !== undefined && { algorithms: { serverHostKey } }),
    hostVerifier: (key: Buffer): boolean => (refused = refuseHostKey(login, key)) === undefined,
  };
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let agentFailure: Error | undefined;
  client.on("ready", resolve).on("error", (error: Error & { level?: string }) => {
    // the other ways to log in are tried then
    if (error.level === "agent") agentFailure = error;
    else reject(refused ?? Object.assign(error, { cause: agentFailure }));
  });
  client.on("close", () => reject(refused ?? new Error("the server closed the connection")));
  // the types know only the names of algorithms that they know
  client.connect(config as unknown as ConnectConfig);
  return promise;
}

function openChannel(client: Client): Promise<SFTPWrapper> {
  return new Promise((resolve, reject) =>
    client.sftp((error, sftp) => (error === undefined ? resolve(sftp) : reject(error))),
  );
}

function session(
  client: Client,
  socket: TcpSocket,
  sftp: SFTPWrapper,
  where: string,
  limitMs: number,
): SftpSession {
  const waiting = new Set<(error: Error) => void>();
  let failure: StoreFailure | undefined;
  const end = (error: StoreFailure): void => {
    failure ??= error;
    patience[Symbol.dispose]();
    client.destroy();
    // it leaves alone what the server has half closed
    socket.destroy();
    for (const reject of waiting) reject(failure);
    waiting.clear();
  };
  const patience = createPatience(limitMs, undefined, () => lost(where, silence(limitMs)));
  patience.signal.addEventListener("abort", () => end(patience.signal.reason as StoreFailure));
  socket.on("data", () => void (waiting.size > 0 && patience.start()));
  client.on("error", (error) => end(lost(where, error.message)));
  for (const side of [client, sftp])
    side.on("close", () => end(lost(where, "the server closed the connection")));
  sftp.on("error", (error: Error) => end(lost(where, error.message)));
  return {
    get isOpen() {
      return failure === undefined;
    },
    ask<T>(send: (sftp: SFTPWrapper, answer: Answer<T>) => void) {
      if (failure !== undefined) return Promise.reject(failure);
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      waiting.add(reject);
      patience.start();
      const settle = (): void => {
        waiting.delete(reject);
        if (waiting.size === 0) patience.stop();
      };
      try {
        send(sftp, (error, value) => {
          settle();
          if (error === undefined || error === null) resolve(value);
          else reject(isStatus(error) ? error : lost(where, error.message));
        });
      } catch {
        settle();
        reject(Object.assign(new Error("not supported"), { code: UNSUPPORTED }));
      }
      return promise;
    },
    [Symbol.dispose]: () => end(lost(where, "it was closed here")),
  };
}

function isStatus(error: Error): boolean {
  return typeof (error as { code?: unknown }).code === "number";
}

function silence(limitMs: number): string {
  return `nothing came for ${limitMs / 1000} s`;
}

function lost(where: string, why: string): StoreFailure {
  const message = `the connection to ${where} was lost: ${why}`;
  return new StoreFailure("store-unreachable", message, { transient: true });
}

function explainLogin(login: SshLogin, error: unknown, isCut: boolean): unknown {
  if (error instanceof StoreFailure || !(error instanceof Error)) return error;
  const where = `${login.host}:${login.port}`;
  const { level, code } = error as { level?: string; code?: string };
  if (level === "client-authentication") return refusedLogin(login, error.cause);
  if (/too many authentication/i.test(error.message)) return refusedLogin(login, error);
  if (level === "handshake" && login.known.length > 0 && /host key format/.test(error.message))
    return changedHost(login);
  const message = `cannot connect to ${where}: ${error.message}`;
  // the library says the same when the connection was lost meanwhile
  if (!isCut && /no matching|start subsystem/.test(error.message))
    return new StoreFailure("store-misconfigured", message, { cause: error });
  return new StoreFailure("store-unreachable", message, {
    transient: code !== "ENOTFOUND",
    cause: error,
  });
}

/** @param cause what the agent, or the server, has to say about it */
function refusedLogin(login: SshLogin, cause: unknown): StoreFailure {
  const why = cause instanceof Error ? ` (${cause.message})` : "";
  return new StoreFailure(
    "store-refused",
    `"${login.user}" may not log in at ${login.host}:${login.port} with ${methodsOf(login)}${why}`,
    {
      hint: "put the public key into authorized_keys there, and name the key with identityFile=",
      cause,
    },
  );
}

function methodsOf({ methods }: SshLogin): string {
  return methods.map(({ type }) => (type === "agent" ? "the agent" : "its key")).join(", ");
}
