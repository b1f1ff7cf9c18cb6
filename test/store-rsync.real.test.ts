/** The rsync driver against a real daemon. */
import assert from "node:assert/strict";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { silentLog } from "../src/io/log.ts";
import { openDriver, openStore, type OpenOptions } from "../src/store/open.ts";
import type { Persistence } from "../src/store/retry.ts";
import type { Store } from "../src/store/store.ts";
import { pattern } from "./support/body.ts";
import { noMounts, tmpfs } from "./support/mounts.ts";
import { startRsyncDaemon } from "./support/rsync-daemon.ts";
import { RSYNC_CAPABILITIES, rsyncSubject, storeInOddFolder } from "./support/rsync-subject.ts";
import { scratch } from "./support/scratch.ts";
import { storeContract } from "./support/store-contract.ts";
import { fails, keys, put, read, waiting } from "./support/store-subject.ts";
import { tcpFaultProxy } from "./support/tcp-fault-proxy.ts";

const MIB = 1 << 20;
const HASTY: Persistence = { stallMs: 1000, noProgressMs: 15_000, firstPauseMs: 10 };

const daemon = await startRsyncDaemon();
after(async () => daemon[Symbol.asyncDispose]());
const PLAIN: OpenOptions = { env: daemon.env, log: silentLog };

storeContract("a module of an rsync daemon", {
  open: () =>
    rsyncSubject(
      (name) => `rsync://127.0.0.1:${daemon.port}/open/${name}`,
      daemon.root,
      daemon.env,
    ),
  expected: RSYNC_CAPABILITIES,
  many: 120,
});

test("a path is taken as it is, whatever a shell would make of it", async () => {
  await storeInOddFolder(
    (name) => `rsync://127.0.0.1:${daemon.port}/open/${name}`,
    daemon.root,
    PLAIN,
  );
});

describe("rsync over a connection that breaks", () => {
  for (const kind of ["reset", "close", "stall"] as const) {
    test(`by ${kind}, in the middle of a put and a get: both go on`, async () => {
      await using proxy = await tcpFaultProxy(daemon);
      const url = `rsync://127.0.0.1:${proxy.port}/open/fault-${kind}`;
      await using store = await openStore(url, { ...PLAIN, persistence: HASTY });
      const up = proxy.inject({ fault: { direction: "up", kind, afterBytes: 2 * MIB } });
      await put(store, "a/b", 5 * MIB);
      assert.equal(up.applied, 1);
      const down = proxy.inject({
        fault: { direction: "down", kind, afterBytes: 2 * MIB },
      });
      assert.deepEqual(await read(store, "a/b"), pattern("a/b", 5 * MIB));
      assert.equal(down.applied, 1);
      assert.deepEqual(await keys(store), ["a/b"]);
    });
  }

  test("after everything was sent: what is there already is recognized as ours", async () => {
    await using proxy = await tcpFaultProxy(daemon);
    const url = `rsync://127.0.0.1:${proxy.port}/open/late`;
    await using store = await openStore(url, { ...PLAIN, persistence: HASTY });
    for (let n = 0; n < 8; n++) {
      proxy.inject({ fault: { direction: "down", kind: "reset", afterBytes: 20 + 12 * n } });
      await put(store, `a/${n}`, 1000);
      proxy.heal();
      assert.deepEqual(await read(store, `a/${n}`), pattern(`a/${n}`, 1000));
    }
  });

  test("a put that is aborted while it is sent ends, and shows nothing", async () => {
    await using proxy = await tcpFaultProxy(daemon);
    const url = `rsync://127.0.0.1:${proxy.port}/open/aborted`;
    await using store = await openStore(url, { ...PLAIN, persistence: HASTY });
    proxy.inject({ fault: { direction: "up", kind: "stall", afterBytes: MIB } });
    const stop = new AbortController();
    const reason = new Error("enough");
    const given = store.put(
      "a",
      bodyThen(() => stop.abort(reason)),
      { signal: stop.signal },
    );
    await assert.rejects(given, (error) => error === reason);
    assert.deepEqual(await keys(store), []);
  });
});

/** Some bytes; `then` is called a little after their end. */
async function* bodyThen(then: () => void): AsyncGenerator<Uint8Array> {
  yield Buffer.alloc(4 * MIB, 1);
  setTimeout(then, 300);
}

async function refused(
  code: Parameters<typeof fails>[0],
  url: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Store> {
  await using store = await openDriver(url, {
    ...PLAIN,
    env: { ...daemon.env, ...env },
    persistence: HASTY,
  });
  await fails(code, put(store, "a", 10));
  return store;
}

describe("who is who", () => {
  const closed = (): string => `rsync://${daemon.user}@127.0.0.1:${daemon.port}/closed/own`;

  test("a password comes from the environment or a file", async () => {
    const passwordFile = daemon.folder.file("password");
    await writeFile(passwordFile, `${daemon.password}\n`);
    const RSYNC_PASSWORD = daemon.password;
    await using first = await openDriver(closed(), {
      ...PLAIN,
      env: { ...daemon.env, RSYNC_PASSWORD },
    });
    await put(first, "a", 10);
    const url = `${closed()}?passwordFile=${passwordFile}`;
    await using second = await openDriver(url, PLAIN);
    assert.deepEqual(await keys(second), ["a"]);
  });

  test("a wrong password, none, and an unknown module are told", async () => {
    await refused("store-refused", closed(), { RSYNC_PASSWORD: "wrong" });
    await refused("store-refused", closed());
    await refused("store-misconfigured", `rsync://127.0.0.1:${daemon.port}/nowhere`);
  });
});

const skip = await noMounts();

test("a module that is read-only is read, and says why it takes nothing", async () => {
  const at = (module: string): string => `rsync://127.0.0.1:${daemon.port}/${module}/ro`;
  await using store = await openDriver(at("open"), PLAIN);
  await put(store, "a/b", 1000);
  await using readonly = await openDriver(at("readonly"), PLAIN);
  assert.deepEqual(await read(readonly, "a/b"), pattern("a/b", 1000));
  await fails("store-read-only", put(readonly, "a/c", 10));
  await fails("store-read-only", readonly.delete("a/b", waiting));
});

test("a full disk is told, and nothing half is left", { skip }, async () => {
  await using mount = await tmpfs(4 * MIB);
  await using own = await startRsyncDaemon(mount.path);
  await using store = await openDriver(`rsync://127.0.0.1:${own.port}/open/x`, PLAIN);
  await put(store, "a/small", 1000);
  await fails("store-full", put(store, "a/large", 10 * MIB));
  assert.deepEqual(await keys(store), ["a/small"]);
  assert.deepEqual(await readdir(join(mount.path, "x", "a")), ["small"]);
});

test("a spool without room is told before it is filled", { skip }, async () => {
  await using mount = await tmpfs(80 * MIB);
  const url = `rsync://127.0.0.1:${daemon.port}/open/spool?spoolDir=${mount.path}`;
  await using store = await openDriver(url, PLAIN);
  await put(store, "small", MIB);
  await fails("no-space", put(store, "large", 60 * MIB));
  assert.deepEqual(await keys(store), ["small"]);
  assert.deepEqual(await read(store, "small"), pattern("small", MIB));
});

test("a spool that cannot be made is told, and a variable set to nothing names none", async () => {
  const url = `rsync://127.0.0.1:${daemon.port}/open/nowhere`;
  await using none = await openDriver(`${url}?spoolDir=/etc/passwd`, PLAIN);
  await fails("store-misconfigured", put(none, "a", 10));
  await assert.rejects(put(none, "a", 10), /cannot spool in "\/etc\/passwd": a file is where/);
  await using store = await openDriver(url, { ...PLAIN, env: { ...PLAIN.env, TMPDIR: "" } });
  await put(store, "a", 10);
});

test("a spool that a killed process left is swept when it is old enough, one in use is not", async () => {
  await using folder = await scratch();
  const url = `rsync://127.0.0.1:${daemon.port}/open/left?spoolDir=${folder.path}`;
  await mkdir(folder.file("holdfast-spool-Ab12Cd", "0"), { recursive: true });
  await writeFile(folder.file("holdfast-spool-Ab12Cd", "0", "object"), "sealed");
  await mkdir(folder.file("somebody-else"));
  await using store = await openDriver(url, PLAIN);
  await put(store, "a", 1000);
  const own = (await readdir(folder.path)).find((name) => !/Ab12Cd|else/.test(name));
  assert.equal(await store.sweep(3_600_000, waiting), 0);
  assert.equal(await store.sweep(0, waiting), 1);
  assert.deepEqual((await readdir(folder.path)).toSorted(), [own, "somebody-else"].toSorted());
});

test("the spool is gone when the store is closed", async () => {
  await using folder = await scratch();
  const url = `rsync://127.0.0.1:${daemon.port}/open/gone?spoolDir=${folder.path}`;
  {
    await using store = await openDriver(url, PLAIN);
    await put(store, "a", 10);
    for await (const _bytes of store.get("a", waiting)) break;
  }
  assert.deepEqual(await readdir(folder.path), []);
});
