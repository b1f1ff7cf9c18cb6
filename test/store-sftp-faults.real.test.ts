/** The SFTP driver while connections break, go silent and crawl. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { after, describe, test } from "node:test";
import { silentLog, type Log } from "../src/io/log.ts";
import { openStore } from "../src/store/open.ts";
import type { Persistence } from "../src/store/retry.ts";
import type { Store } from "../src/store/store.ts";
import { body, pattern, slowly } from "./support/body.ts";
import { scratch, type Scratch } from "./support/scratch.ts";
import { HASTY, PLAIN, sftpUrl } from "./support/sftp-place.ts";
import { startSshd } from "./support/sshd.ts";
import { fails, keys, put, read, waiting } from "./support/store-subject.ts";
import { tcpFaultProxy, type TcpFaultProxy } from "./support/tcp-fault-proxy.ts";

const MIB = 1 << 20;

const server = await startSshd();
after(() => server[Symbol.asyncDispose]());

interface Place {
  readonly proxy: TcpFaultProxy;
  readonly folder: Scratch;
  open(persistence?: Persistence, log?: Log): Promise<Store>;
}

/** Registers a test with a folder behind a proxy. */
function throughProxy(title: string, run: (place: Place) => Promise<void>): void {
  test(title, async () => {
    await using proxy = await tcpFaultProxy(server);
    await using folder = await scratch();
    const url = sftpUrl(server, folder.path, { port: proxy.port });
    const open = (persistence = HASTY, log: Log = silentLog): Promise<Store> =>
      openStore(url, { ...PLAIN, log, persistence });
    await run({ proxy, folder, open });
  });
}

describe("a connection that breaks", { concurrency: 4 }, () => {
  for (const kind of ["reset", "close", "stall", "flip"] as const) {
    for (const direction of ["up", "down"] as const) {
      throughProxy(`a put goes on after a ${kind} on the way ${direction}`, async (place) => {
        const { proxy, folder, open } = place;
        const afterBytes = direction === "up" ? 5 * MIB : 9000;
        const rule = proxy.inject({ fault: { direction, kind, afterBytes } });
        await using store = await open();
        await put(store, "a/b", 9 * MIB + 3);
        await rule.struck;
        assert.ok(proxy.connections > 1);
        assert.deepEqual(await read(store, "a/b"), pattern("a/b", 9 * MIB + 3));
        assert.deepEqual(await readdir(folder.file(".incoming")), []);
      });
    }
  }

  for (const kind of ["reset", "close", "stall", "flip"] as const) {
    throughProxy(`a get goes on after a ${kind}`, async ({ proxy, open }) => {
      await using store = await open();
      await put(store, "a/b", 9 * MIB);
      proxy.resetAll();
      const rule = proxy.inject({ fault: { direction: "down", kind, afterBytes: 4 * MIB } });
      assert.deepEqual(await read(store, "a/b"), pattern("a/b", 9 * MIB));
      await rule.struck;
    });
  }

  throughProxy(
    "a reset at any early byte of a login and a put: never half, never twice",
    async (place) => {
      const { proxy, folder, open } = place;
      for (let n = 0; n < 16; n++) {
        proxy.inject({ fault: { direction: "down", kind: "reset", afterBytes: 200 + n * 255 } });
        await using store = await open();
        await store.put(`many/${n}`, body(`${n}`, 1000), { ifAbsent: true, ...waiting });
        assert.deepEqual(await read(store, `many/${n}`), pattern(`${n}`, 1000));
      }
      assert.deepEqual(await readdir(folder.file(".incoming")), []);
    },
  );

  throughProxy(
    "resets without end are told, after bounded attempts that are logged",
    async (place) => {
      const { proxy, open } = place;
      const lines: string[] = [];
      const log: Log = { ...silentLog, warn: (message) => void lines.push(message) };
      await using store = await open({ stallMs: 2000, noProgressMs: 1500, firstPauseMs: 50 }, log);
      const slow = slowly("a", 3 * MIB);
      const given = store.put("a", slow.body, waiting);
      given.catch(() => {});
      await slow.waits;
      proxy.inject({ times: Infinity, fault: { direction: "up", kind: "reset", afterBytes: 0 } });
      proxy.resetAll();
      slow.goOn();
      await fails("store-unreachable", given);
      assert.ok(lines.length > 0 && lines.length < 50, `${lines.length} attempts`);
      proxy.heal();
      assert.deepEqual(await keys(store), []);
      assert.equal(await store.sweep(0, waiting), 1);
    },
  );

  throughProxy("a slow drip is waited for", async ({ proxy, open }) => {
    const drip = { kind: "drip", dripBytes: 2000, dripMs: 5 } as const;
    proxy.inject({ fault: { direction: "up", afterBytes: 6000, ...drip } });
    await using store = await open();
    await put(store, "a", MIB);
    assert.equal(proxy.connections, 1);
    assert.deepEqual(await read(store, "a"), pattern("a", MIB));
  });
});
