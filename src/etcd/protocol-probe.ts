/** Which protocol a port speaks: asked only to explain why a connection failed. */
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { createPatience } from "../io/patience.ts";
import type { Endpoint } from "./endpoint.ts";

type Address = Endpoint["address"];

/** An explanation is not worth a longer wait. */
const LIMIT_MS = 2000;
/** RFC 9113, 3.4: the client's preface, and an empty SETTINGS frame. */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", "latin1");
const SETTINGS = 4;

/** Whether a TLS handshake succeeds, whatever the certificates. */
export function speaksTls(address: Address): Promise<boolean> {
  const socket = connectTls({ ...address, rejectUnauthorized: false, ALPNProtocols: ["h2"] });
  return happens(socket, (yes) => socket.once("secureConnect", () => yes(true)));
}

/** Whether HTTP/2 without TLS is answered as a server has to: with SETTINGS first. */
export function speaksPlainHttp2(address: Address): Promise<boolean> {
  const socket = connectPlain(address, () => socket.write(PREFACE));
  return happens(socket, (yes) => socket.once("data", (bytes) => yes(bytes[3] === SETTINGS)));
}

async function happens(
  socket: Socket,
  listen: (yes: (answer: boolean) => void) => void,
): Promise<boolean> {
  using patience = createPatience(LIMIT_MS, undefined, () => new Error("silence"));
  patience.start();
  try {
    return await new Promise<boolean>((resolve) => {
      listen(resolve);
      for (const end of ["error", "close"]) socket.on(end, () => resolve(false));
      patience.signal.addEventListener("abort", () => resolve(false));
    });
  } finally {
    socket.destroy();
  }
}
