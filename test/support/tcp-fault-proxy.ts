/**
 * A TCP proxy of ours between a driver and its real server, for protocols that we cannot read (SSH, rsync, TLS). It
 * breaks connections after exact numbers of bytes; which connection is broken how is said by rules, never by chance.
 */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface TcpFault {
  /** Bytes towards the server ("up") or the client ("down") are counted. */
  readonly direction: "up" | "down";
  /** So many pass unbroken. */
  readonly afterBytes: number;
  /**
   * `reset`: both connections are reset. `close`: both are closed in an orderly way. `stall`: nothing passes any more
   * in that direction; the connections stay. `flip`: the next bit is another one, all else passes. `drip`: from there
   * on one drop of `dripBytes` every `dripMs`.
   */
  readonly kind: "reset" | "close" | "stall" | "flip" | "drip";
  readonly dripBytes?: number;
  readonly dripMs?: number;
}

export interface TcpRule {
  /** So many connections that come to the place are broken; one when left out. Those that end before do not count. */
  readonly times?: number;
  readonly fault: TcpFault;
}

export interface TcpFaultProxy extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Connections that came so far. */
  readonly connections: number;
  /** For connections that come from now on; each takes the first rule that still holds. */
  inject(rule: TcpRule): Injected;
  /** Resets every connection that is open now. */
  resetAll(): void;
  /** Takes all rules back. */
  heal(): void;
}

export interface Injected {
  /** How many connections it has broken. */
  readonly applied: number;
  /** Resolves with the first of them. */
  readonly struck: Promise<void>;
}

interface ActiveRule extends TcpRule, Injected {
  applied: number;
  readonly onStrike: () => void;
}

/** Starts a proxy in front of `host:port`. */
export async function tcpFaultProxy(target: {
  readonly host?: string;
  readonly port: number;
}): Promise<TcpFaultProxy> {
  const rules: ActiveRule[] = [];
  const open = new Set<Socket>();
  let connections = 0;
  const keep = (socket: Socket): void => {
    open.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("close", () => open.delete(socket));
  };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    connections++;
    const rule = rules.find(holds);
    const upstream = connect({ host: target.host ?? "127.0.0.1", port: target.port });
    upstream.allowHalfOpen = true;
    keep(client);
    keep(upstream);
    const pair = { client, upstream };
    const breaks = rule?.fault.direction;
    void carry(client, upstream, breaks === "up" ? rule : undefined, pair);
    void carry(upstream, client, breaks === "down" ? rule : undefined, pair);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const resetAll = (): void => {
    for (const socket of open) reset(socket);
  };
  return {
    host: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    inject(rule) {
      const { promise: struck, resolve: onStrike } = Promise.withResolvers<void>();
      const active = { ...rule, applied: 0, struck, onStrike };
      rules.push(active);
      return active;
    },
    resetAll,
    heal: () => void rules.splice(0),
    async [Symbol.asyncDispose]() {
      resetAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function holds({ applied, times = 1 }: ActiveRule): boolean {
  return applied < times;
}

interface Pair {
  readonly client: Socket;
  readonly upstream: Socket;
}

/** Carries one direction to its end; whatever happens to it happens to the other one too. */
async function carry(
  from: Socket,
  to: Socket,
  rule: ActiveRule | undefined,
  pair: Pair,
): Promise<void> {
  try {
    let passed = 0;
    let isBroken = false;
    // half of a connection may end before the other: reading to the end must not destroy it
    for await (const bytes of from.iterator({ destroyOnReturn: false })) {
      const room = rule === undefined ? Infinity : Math.max(0, rule.fault.afterBytes - passed);
      const comes = rule !== undefined && room < bytes.length;
      if (comes && !isBroken && holds(rule)) {
        isBroken = true;
        rule.applied++;
        rule.onStrike();
      }
      await (comes && isBroken ? send(to, rule, bytes, room, passed, pair) : write(to, bytes));
      passed += bytes.length;
    }
    to.end();
  } catch {
    for (const socket of [pair.client, pair.upstream]) reset(socket);
  }
}

/**
 * Breaks a connection off; what is not sent yet is lost. A socket that is still connecting would wait for that first. One
 * whose end is just being sent would never be closed at all, and Node would look for it for ever when the process ends.
 */
export function reset(socket: Socket): void {
  const isEnding = socket.writableEnded && !socket.writableFinished;
  if (socket.connecting || isEnding) socket.destroy();
  else socket.resetAndDestroy();
}

/** The bytes in which the place is, or that come after it. */
async function send(
  to: Socket,
  { fault }: ActiveRule,
  bytes: Buffer,
  room: number,
  passed: number,
  pair: Pair,
): Promise<void> {
  await write(to, bytes.subarray(0, room));
  await strike(to, fault, bytes.subarray(room), passed + room === fault.afterBytes, pair);
}

/** `first` tells that the fault begins with these bytes. */
async function strike(
  to: Socket,
  fault: TcpFault,
  bytes: Buffer,
  first: boolean,
  pair: Pair,
): Promise<void> {
  switch (fault.kind) {
    case "reset":
      throw new Error("reset as the rule says");
    case "close":
      for (const socket of [pair.client, pair.upstream]) socket.end();
      await once(to, "close");
      return;
    case "stall":
      await once(to, "close");
      return;
    case "flip":
      if (first) bytes[0]! ^= 1;
      return write(to, bytes);
    case "drip":
      for (let at = 0; at < bytes.length && !to.destroyed; at += fault.dripBytes ?? 1) {
        await write(to, bytes.subarray(at, at + (fault.dripBytes ?? 1)));
        await sleep(fault.dripMs ?? 1);
      }
  }
}

async function write(to: Socket, bytes: Buffer): Promise<void> {
  if (bytes.length === 0 || to.write(bytes)) return;
  await Promise.race([once(to, "drain"), once(to, "close")]);
}
