import type { Server, Socket } from "node:net";

/**
 * Keeps account of a server's connections, from before it listens, and gives what ends them all and closes it. Node's
 * own ways know a connection of TLS only once its handshake is done: one that the client resets before stays open for
 * ever, and closing the server waits for it.
 */
export function shutter(server: Server): () => Promise<void> {
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  });
  return async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of open) socket.destroy();
    await closed;
  };
}
