import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { test } from "node:test";
import { reset, tcpFaultProxy, type TcpFault } from "./tcp-fault-proxy.ts";

/** A server that says 10 kB and, when it has heard the client's end, how much it heard. */
async function ground() {
  const server = createServer({ allowHalfOpen: true }, async (socket) => {
    socket.on("error", () => {});
    socket.write(Buffer.alloc(10_000, "a"));
    let heard = 0;
    try {
      for await (const bytes of socket.iterator({ destroyOnReturn: false }))
        heard += (bytes as Buffer).length;
      socket.end(` ${heard}`);
    } catch {} // broken on purpose
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy = await tcpFaultProxy({ port: (server.address() as AddressInfo).port });
  return {
    proxy,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function talk(port: number): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  socket.end(new Uint8Array(5000));
  let text = "";
  for await (const bytes of socket) text += bytes;
  return text;
}

test("without a rule both directions pass, each to its own end", async () => {
  await using all = await ground();
  assert.equal(await talk(all.proxy.port), `${"a".repeat(10_000)} 5000`);
  assert.equal(all.proxy.connections, 1);
});

test("the first connection that comes so far is reset after exactly so many bytes", async () => {
  await using all = await ground();
  const fault: TcpFault = { direction: "up", afterBytes: 100, kind: "reset" };
  const rule = all.proxy.inject({ fault });
  const short = connect({ host: "127.0.0.1", port: all.proxy.port });
  short.end("a".repeat(100));
  await once(short.resume(), "close");
  assert.equal(rule.applied, 0);
  await assert.rejects(talk(all.proxy.port), { code: "ECONNRESET" });
  await rule.struck;
  assert.equal(rule.applied, 1);
  assert.match(await talk(all.proxy.port), / 5000$/);
});

test("close ends early, flip changes one bit, drip nothing", async () => {
  await using all = await ground();
  all.proxy.inject({ fault: { direction: "down", afterBytes: 100, kind: "close" } });
  assert.equal(await talk(all.proxy.port), "a".repeat(100));
  all.proxy.inject({ fault: { direction: "down", afterBytes: 5000, kind: "flip" } });
  const flipped = await talk(all.proxy.port);
  assert.deepEqual([flipped.length, flipped.indexOf("`")], [10_005, 5000]);
  const drip = { kind: "drip", dripBytes: 1000, dripMs: 1 } as const;
  all.proxy.inject({ fault: { direction: "down", afterBytes: 5000, ...drip } });
  assert.equal(await talk(all.proxy.port), `${"a".repeat(10_000)} 5000`);
});

test("a stalled connection stays until all are reset", async () => {
  await using all = await ground();
  all.proxy.inject({ fault: { direction: "down", afterBytes: 100, kind: "stall" } });
  const socket = connect({ host: "127.0.0.1", port: all.proxy.port });
  const [first] = (await once(socket, "data")) as [Buffer];
  assert.equal(first.length, 100);
  const failed = once(socket, "end").catch((error: unknown) => error);
  all.proxy.resetAll();
  assert.equal(((await failed) as NodeJS.ErrnoException).code, "ECONNRESET");
});

test("a connection is closed whatever it does when it is reset: connecting, open, ending, ended", async () => {
  const accepted: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) =>
    accepted.push(socket.on("error", () => {})),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const states: Record<string, (socket: Socket) => unknown> = {
    connecting: () => {},
    open: (socket) => once(socket, "connect"),
    async ending(socket) {
      await once(socket, "connect");
      socket.end();
    },
    async ended(socket) {
      await once(socket, "connect");
      await once(socket.end(), "finish");
    },
  };
  for (const [name, reach] of Object.entries(states)) {
    const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
    await reach(socket);
    const closed = once(socket, "close");
    reset(socket);
    await assert.doesNotReject(closed, name);
  }
  for (const socket of accepted) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});
