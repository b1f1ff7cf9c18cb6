/** The rsync driver, to a daemon and over ssh, while connections break, flip bits and crawl. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { silentLog, type Log } from "../src/io/log.ts";
import { openStore } from "../src/store/open.ts";
import type { Persistence } from "../src/store/retry.ts";
import type { Store } from "../src/store/store.ts";
import { pattern } from "./support/body.ts";
import { startRsyncDaemon } from "./support/rsync-daemon.ts";
import { startSshd } from "./support/sshd.ts";
import { fails, keys, put, read, waiting } from "./support/store-subject.ts";
import { tcpFaultProxy, type TcpFaultProxy } from "./support/tcp-fault-proxy.ts";

const MIB = 1 << 20;
const HASTY: Persistence = { stallMs: 2000, noProgressMs: 30_000, firstPauseMs: 10 };

const daemon = await startRsyncDaemon();
const server = await startSshd();
after(async () => {
  await daemon[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

interface Place {
  readonly proxy: TcpFaultProxy;
  /** What lies on the other side. */
  files(): Promise<string[]>;
  open(persistence?: Persistence, log?: Log): Promise<Store>;
}

let places = 0;

/** Registers a test with an empty folder of the daemon behind a proxy. */
function throughProxy(title: string, run: (place: Place) => Promise<void>): void {
  test(title, async () => {
    await using proxy = await tcpFaultProxy(daemon);
    const name = `faults-${places++}`;
    const url = `rsync://127.0.0.1:${proxy.port}/open/${name}`;
    await run({
      proxy,
      files: () => filesIn(join(daemon.root, name)),
      open: (persistence = HASTY, log: Log = silentLog) =>
        openStore(url, { env: daemon.env, log, persistence }),
    });
  });
}

async function filesIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

describe("a connection that breaks", { concurrency: 2 }, () => {
  throughProxy("a bit that flips on the way there, and on the way back, is noticed", async (at) => {
    await using store = await at.open();
    const up = at.proxy.inject({ fault: { direction: "up", kind: "flip", afterBytes: 2 * MIB } });
    await put(store, "a/b", 5 * MIB);
    await up.struck;
    assert.deepEqual(await read(store, "a/b"), pattern("a/b", 5 * MIB));
    // others only look
    const down = at.proxy.inject({
      fault: { direction: "down", kind: "flip", afterBytes: 2 * MIB },
    });
    assert.deepEqual(await read(store, "a/b"), pattern("a/b", 5 * MIB));
    await down.struck;
    assert.deepEqual(await at.files(), ["b"]);
  });

  for (const kind of ["reset", "close", "stall"] as const) {
    throughProxy(`lists, looks and removals go on after a ${kind}`, async ({ proxy, open }) => {
      const lines: string[] = [];
      const log: Log = { ...silentLog, warn: (message) => void lines.push(message) };
      await using store = await open(HASTY, log);
      for (const key of ["a/1", "a/2", "b/1"]) await put(store, key, 1000);
      const broken = async (run: () => Promise<unknown>): Promise<void> => {
        const rule = proxy.inject({ fault: { direction: "down", kind, afterBytes: 30 } });
        const before = lines.length;
        await run();
        assert.equal(rule.applied, 1);
        assert.ok(lines.length > before, "what is tried again is told");
      };
      await broken(async () => assert.deepEqual(await keys(store), ["a/1", "a/2", "b/1"]));
      await broken(async () => assert.equal((await store.stat("a/2", waiting))?.size, 1000));
      await broken(() => store.delete("a/1", waiting));
      assert.deepEqual(await keys(store), ["a/2", "b/1"]);
    });
  }

  throughProxy(
    "resets without end are told, after bounded attempts that are logged",
    async (at) => {
      const lines: string[] = [];
      const log: Log = { ...silentLog, warn: (message) => void lines.push(message) };
      await using store = await at.open(
        { stallMs: 2000, noProgressMs: 1500, firstPauseMs: 50 },
        log,
      );
      await put(store, "there", 1000);
      const fault = { direction: "up", kind: "reset", afterBytes: MIB } as const;
      at.proxy.inject({ times: Infinity, fault });
      await fails("store-unreachable", put(store, "a/b", 5 * MIB));
      assert.ok(lines.length > 0 && lines.length < 50, `${lines.length} attempts`);
      at.proxy.heal();
      assert.deepEqual(await keys(store), ["there"]);
    },
  );

  throughProxy("a daemon that is gone is told, after bounded attempts", async (at) => {
    await using store = await at.open({ stallMs: 2000, noProgressMs: 1500, firstPauseMs: 50 });
    await put(store, "there", 1000);
    const fault = { direction: "down", kind: "reset", afterBytes: 0 } as const;
    at.proxy.inject({ times: Infinity, fault });
    await fails("store-unreachable", put(store, "a", 1000));
    await fails("store-unreachable", read(store, "there"));
  });

  throughProxy("a slow drip is waited for", async ({ proxy, open }) => {
    await using store = await open();
    const drip = { kind: "drip", dripBytes: 4000, dripMs: 20 } as const;
    const rule = proxy.inject({ fault: { direction: "up", afterBytes: 6000, ...drip } });
    await put(store, "a", MIB);
    await rule.struck;
    assert.deepEqual(await read(store, "a"), pattern("a", MIB));
  });
});

describe("over ssh", () => {
  for (const kind of ["reset", "close"] as const) {
    test(`a put and a get go on after a ${kind}`, async () => {
      await using proxy = await tcpFaultProxy(server);
      const { identityFile, knownHosts, user, folder } = server;
      const path = folder.file(`faults-${kind}`);
      const query = `identityFile=${identityFile}&knownHosts=${knownHosts}`;
      const url = `rsync+ssh://${user}@127.0.0.1:${proxy.port}${path}?${query}`;
      await using store = await openStore(url, {
        env: daemon.env,
        log: silentLog,
        persistence: HASTY,
      });
      const up = proxy.inject({ fault: { direction: "up", kind, afterBytes: 2 * MIB } });
      await put(store, "a/b", 5 * MIB);
      await up.struck;
      const down = proxy.inject({
        fault: { direction: "down", kind, afterBytes: 2 * MIB },
      });
      assert.deepEqual(await read(store, "a/b"), pattern("a/b", 5 * MIB));
      await down.struck;
      assert.deepEqual(await filesIn(path), ["b"]);
    });
  }
});
