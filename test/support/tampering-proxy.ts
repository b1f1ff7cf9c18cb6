import { connect, createServer, type AddressInfo } from "node:net";
import { Transform } from "node:stream";
import { shutter } from "./shutting.ts";

export interface TamperingProxy extends AsyncDisposable {
  readonly url: string;
}

/**
 * A TCP proxy in front of a member without TLS that replaces a text by another of the same length in all that the
 * member sends. A text that lies across two reads passes unchanged.
 */
export async function tamperingProxy(
  memberURL: string,
  from: string,
  to: string,
): Promise<TamperingProxy> {
  const { hostname, port } = new URL(memberURL);
  const server = createServer((downstream) => {
    const upstream = connect(Number(port), hostname);
    for (const [one, other] of [
      [upstream, downstream],
      [downstream, upstream],
    ] as const) {
      one.on("error", () => {});
      one.on("close", () => other.destroy());
    }
    downstream.pipe(upstream);
    upstream.pipe(replacing(from, to)).pipe(downstream);
  });
  const shut = shutter(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: shut,
  };
}

function replacing(from: string, to: string): Transform {
  return new Transform({
    transform(bytes: Buffer, _encoding, done) {
      for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, at + 1))
        bytes.write(to, at);
      done(null, bytes);
    },
  });
}
