import { once } from "node:events";
import { connect, type Socket } from "node:net";

export type TcpSocket = Socket;

/** A connection that is open and sends small things at once. Throws the system's error, or the signal's reason. */
export async function connectTcp(
  host: string,
  port: number,
  signal: AbortSignal,
): Promise<TcpSocket> {
  signal.throwIfAborted();
  const socket = connect({ host, port, noDelay: true });
  try {
    await once(socket, "connect", { signal });
    return socket;
  } catch (error) {
    socket.on("error", () => {}).destroy();
    signal.throwIfAborted();
    throw error;
  }
}
