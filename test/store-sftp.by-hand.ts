/** The SFTP driver against a real sshd, and against what networks and disks do to it. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { chmod, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import type { ErrorCode } from "../src/errors.ts";
import { createLog, silentLog, type Log } from "../src/io/log.ts";
import { openDriver, openStore, type OpenOptions } from "../src/store/open.ts";
import type { Persistence } from "../src/store/retry.ts";
import type { Store } from "../src/store/store.ts";
import { body, pattern, slowly } from "./support/body.ts";
import { noMounts, tmpfs, type Mount } from "./support/mounts.ts";
import { output, run, start } from "./support/program.ts";
import { scratch } from "./support/scratch.ts";
import { makeKey, startSshd, type SshServer } from "./support/sshd.ts";
import { storeContract } from "./support/store-contract.ts";
import { fails, keys, put, read, waiting, type Subject } from "./support/store-subject.ts";
import { tcpFaultProxy } from "./support/tcp-fault-proxy.ts";

const MIB = 1 << 20;
const PLAIN: OpenOptions = { env: {}, log: silentLog };
const HASTY: Persistence = { stallMs: 800, noProgressMs: 4000, firstPauseMs: 10 };

const server = await startSshd();
const bare = await startSshd({ sftpFlags: "-P hardlink,posix-rename,fsync" });
after(async () => {
  await server[Symbol.asyncDispose]();
  await bare[Symbol.asyncDispose]();
});

interface Place {
  readonly server?: SshServer;
  readonly port?: number;
  readonly parameters?: Readonly<Record<string, string>>;
}

function urlOf(path: string, place: Place = {}): string {
  const { server: at = server, port = at.port, parameters = {} } = place;
  const { identityFile, knownHosts, user } = at;
  const query = Object.entries({ identityFile, knownHosts, ...parameters })
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name}=${value}`);
  return `sftp://${user}@127.0.0.1:${port}${path}?${query.join("&")}`;
}

async function subject(place: Place, open = openDriver): Promise<Subject> {
  const folder = await scratch();
  const path = folder.file("deep", "store");
  const store = await open(urlOf(path, place), PLAIN);
  const incoming = join(path, ".incoming");
  return {
    store,
    leftovers: () => readdir(incoming).catch(() => []),
    async abandonPut(key) {
      await mkdir(incoming, { recursive: true });
      await writeFile(join(incoming, "abandoned"), key);
    },
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

storeContract("a folder behind sshd", {
  open: () => subject({}),
  expected: { conditionalPut: true, objectLock: false, versioning: false },
});

storeContract("a folder behind an SFTP server without extensions", {
  open: () => subject({ server: bare }),
  expected: { conditionalPut: false, objectLock: false, versioning: false },
  largest: 9 * MIB,
  many: 150,
});

describe("a connection that breaks", () => {
  for (const kind of ["reset", "close", "stall", "flip"] as const) {
    for (const direction of ["up", "down"] as const) {
      test(`in the middle of a put, going ${direction}, by ${kind}: the put goes on`, async () => {
        await using proxy = await tcpFaultProxy(server);
        const afterBytes = direction === "up" ? 5 * MIB : 9000;
        const rule = proxy.inject({ fault: { direction, kind, afterBytes } });
        await using folder = await scratch();
        await using store = await openStore(urlOf(folder.path, { port: proxy.port }), {
          ...PLAIN,
          persistence: HASTY,
        });
        await put(store, "a/b", 17 * MIB + 3);
        assert.equal(rule.applied, 1);
        assert.ok(proxy.connections > 1);
        assert.deepEqual(await read(store, "a/b"), pattern("a/b", 17 * MIB + 3));
        assert.deepEqual(await readdir(folder.file(".incoming")), []);
      });
    }
  }

  for (const kind of ["reset", "stall", "flip"] as const) {
    test(`in the middle of a get, by ${kind}: the get goes on`, async () => {
      await using proxy = await tcpFaultProxy(server);
      await using folder = await scratch();
      await using store = await openStore(urlOf(folder.path, { port: proxy.port }), {
        ...PLAIN,
        persistence: HASTY,
      });
      await put(store, "a/b", 9 * MIB);
      proxy.resetAll();
      const rule = proxy.inject({ fault: { direction: "down", kind, afterBytes: 4 * MIB } });
      assert.deepEqual(await read(store, "a/b"), pattern("a/b", 9 * MIB));
      assert.equal(rule.applied, 1);
    });
  }

  test("at every early byte of a login and a put: never half, never twice", async () => {
    await using proxy = await tcpFaultProxy(server);
    await using folder = await scratch();
    const url = urlOf(folder.path, { port: proxy.port });
    for (let n = 0; n < 24; n++) {
      proxy.inject({ fault: { direction: "down", kind: "reset", afterBytes: 200 + n * 170 } });
      await using store = await openStore(url, { ...PLAIN, persistence: HASTY });
      await store.put(`many/${n}`, body(`${n}`, 1000), { ifAbsent: true, ...waiting });
      assert.deepEqual(await read(store, `many/${n}`), pattern(`${n}`, 1000));
    }
    assert.deepEqual(await readdir(folder.file(".incoming")), []);
  });

  test("for ever: the failure is told, in bounded attempts that are logged", async () => {
    await using proxy = await tcpFaultProxy(server);
    proxy.inject({ times: 1e9, fault: { direction: "up", kind: "reset", afterBytes: 3 * MIB } });
    await using folder = await scratch();
    const lines: string[] = [];
    const log: Log = { ...silentLog, warn: (message) => void lines.push(message) };
    await using store = await openStore(urlOf(folder.path, { port: proxy.port }), {
      ...PLAIN,
      log,
      persistence: { stallMs: 500, noProgressMs: 1000, firstPauseMs: 100 },
    });
    proxy.inject({ times: 1e9, fault: { direction: "up", kind: "reset", afterBytes: 0 } });
    const slow = slowly("a", 3 * MIB);
    const given = store.put("a", slow.body, waiting);
    given.catch(() => {});
    await slow.waits;
    proxy.heal();
    proxy.inject({ times: 1e9, fault: { direction: "up", kind: "reset", afterBytes: 0 } });
    proxy.resetAll();
    slow.goOn();
    await fails("store-unreachable", given);
    assert.ok(lines.length > 0 && lines.length < 50, `${lines.length} attempts`);
    proxy.heal();
    assert.deepEqual(await keys(store), []);
  });

  test("a slow drip is waited for", async () => {
    await using proxy = await tcpFaultProxy(server);
    const drip = { kind: "drip", dripBytes: 2000, dripMs: 5 } as const;
    const rule = proxy.inject({ fault: { direction: "up", afterBytes: 6000, ...drip } });
    await using folder = await scratch();
    await using store = await openStore(urlOf(folder.path, { port: proxy.port }), {
      ...PLAIN,
      persistence: HASTY,
    });
    await put(store, "a", MIB);
    assert.equal(rule.applied, 1);
    assert.equal(proxy.connections, 1);
    assert.deepEqual(await read(store, "a"), pattern("a", MIB));
  });
});

async function refused(code: ErrorCode, url: string, words: RegExp): Promise<void> {
  await using store = await openDriver(url, { ...PLAIN, persistence: HASTY });
  const given = store.stat("a", waiting);
  await fails(code, given);
  await assert.rejects(given, words);
  const putting = put(store, "a", 10);
  await fails(code, putting);
}

describe("who is who", () => {
  test("a server that is not in known_hosts is refused, and its fingerprint told", async () => {
    const empty = server.folder.file("empty");
    await writeFile(empty, "");
    for (const knownHosts of [empty, server.folder.file("missing")])
      await refused(
        "store-misconfigured",
        urlOf("/tmp/x", { parameters: { knownHosts } }),
        /SHA256:.* is not in the file/,
      );
  });

  test("another host key is refused, of the same kind or of another", async () => {
    const knownHosts = server.folder.file("other-hosts");
    for (const type of ["ed25519", "ecdsa", "rsa"]) {
      const other = await makeKey(server.folder, `other-${type}`, type);
      const key = await output("cat", [`${other}.pub`]);
      await writeFile(knownHosts, `[127.0.0.1]:${server.port} ${key}`);
      await refused(
        "store-misconfigured",
        urlOf("/tmp/x", { parameters: { knownHosts } }),
        /another server answers/,
      );
    }
    await writeFile(knownHosts, `[127.0.0.1]:* ${server.hostKey}\n@revoked * ${server.hostKey}\n`);
    await refused(
      "store-misconfigured",
      urlOf("/tmp/x", { parameters: { knownHosts } }),
      /revoked/,
    );
  });

  test("a hashed known_hosts, in the home folder, is read", async () => {
    await using folder = await scratch();
    const salt = Buffer.alloc(20, 7);
    const name = `[127.0.0.1]:${server.port}`;
    const hash = createHmac("sha1", salt).update(name).digest("base64");
    await mkdir(folder.file(".ssh"));
    const line = `|1|${salt.toString("base64")}|${hash} ${server.hostKey}\n`;
    await writeFile(folder.file(".ssh", "known_hosts"), line);
    const url = urlOf(folder.file("store"), { parameters: { knownHosts: "" } });
    await using store = await openDriver(url, { ...PLAIN, env: { HOME: folder.path } });
    await put(store, "a", 10);
    assert.deepEqual(await keys(store), ["a"]);
  });

  test("a key that the server does not know is refused", async () => {
    const identityFile = await makeKey(server.folder, "stranger");
    await refused(
      "store-refused",
      urlOf("/tmp/x", { parameters: { identityFile } }),
      /may not log in/,
    );
  });

  test("a key with a passphrase takes it from a file, and never tells it", async () => {
    await using folder = await scratch();
    const { stdout } = await run("cat", [server.identityFile]);
    const identityFile = folder.file("locked");
    await writeFile(identityFile, stdout, { mode: 0o600 });
    const change = ["-q", "-p", "-P", "", "-N", "correct horse", "-f", identityFile];
    await output("ssh-keygen", change, { env: { ...process.env, ...server.env } });
    const passphraseFile = folder.file("passphrase");
    await writeFile(passphraseFile, "correct horse\n");
    const parameters = { identityFile, passphraseFile };
    await using store = await openDriver(urlOf(folder.file("store"), { parameters }), PLAIN);
    await put(store, "a", 10);
    assert.deepEqual(await keys(store), ["a"]);
    await writeFile(passphraseFile, "wrong horse\n");
    const locked = openDriver(urlOf("/tmp/x", { parameters }), PLAIN);
    await fails("store-misconfigured", locked);
    await assert.rejects(locked, (error: Error) => !error.message.includes("horse"));
    const without = openDriver(urlOf("/tmp/x", { parameters: { identityFile } }), PLAIN);
    await fails("store-misconfigured", without);
  });

  test("an agent is asked when no key is named", async () => {
    await using folder = await scratch();
    const socket = folder.file("agent");
    const env = { ...process.env, ...server.env, SSH_AUTH_SOCK: socket };
    const agent = start("ssh-agent", ["-D", "-a", socket], { env });
    try {
      await agent.wrote(/SSH_AUTH_SOCK/);
      await output("ssh-add", ["-q", server.identityFile], { env });
      const url = urlOf(folder.file("store"), { parameters: { identityFile: "" } });
      await using store = await openDriver(url, { ...PLAIN, env: { SSH_AUTH_SOCK: socket } });
      await put(store, "a", 10);
      assert.deepEqual(await keys(store), ["a"]);
    } finally {
      agent.kill("SIGTERM");
      await agent.finished;
    }
    const none = openDriver(urlOf("/tmp/x", { parameters: { identityFile: "" } }), PLAIN);
    await fails("store-misconfigured", none);
  });

  test("nobody listens", async () => {
    await refused("store-unreachable", urlOf("/tmp/x", { port: 1 }), /cannot connect/);
  });
});

const skip = await noMounts();

/** A store on a small disk. As root the server has its own view of what is mounted, made when it starts. */
async function onDisk(work: (mount: Mount, store: Store) => Promise<void>): Promise<void> {
  await using mount = await tmpfs(4 * MIB);
  await using own = await startSshd();
  await using store = await openDriver(urlOf(mount.path, { server: own }), PLAIN);
  await work(mount, store);
}

describe("the server's disk", () => {
  test("is full: told, nothing half is left, and what fits still fits", { skip }, () =>
    onDisk(async (mount, store) => {
      await put(store, "a/small", 1000);
      for (let attempt = 0; attempt < 2; attempt++)
        await fails("store-full", put(store, "a/large", 10 * MIB));
      assert.deepEqual(await keys(store), ["a/small"]);
      assert.deepEqual(await readdir(join(mount.path, ".incoming")), []);
      await put(store, "a/other", MIB);
      assert.deepEqual(await read(store, "a/other"), pattern("a/other", MIB));
    }),
  );

  test("is read-only: it is read, and says why it takes nothing", { skip }, () =>
    onDisk(async (mount, store) => {
      await put(store, "a/b", 1000);
      await mount.remount("ro");
      assert.deepEqual(await read(store, "a/b"), pattern("a/b", 1000));
      assert.deepEqual(await keys(store), ["a/b"]);
      await fails("store-read-only", put(store, "a/c", 10));
      await fails("store-read-only", put(store, "new/c", 10));
      await fails("store-read-only", store.delete("a/b", waiting));
      assert.equal((await store.capabilities(waiting)).conditionalPut, false);
    }),
  );

  test("loses what was written in the middle of a put: noticed in the end", async () => {
    await using folder = await scratch();
    await using store = await openDriver(urlOf(folder.path), PLAIN);
    const slow = slowly("a/b", 9 * MIB);
    const given = store.put("a/b", slow.body, waiting);
    given.catch(() => {});
    await slow.waits;
    await rm(folder.file(".incoming"), { recursive: true });
    slow.goOn();
    await fails("store-not-there", given);
    assert.deepEqual(await keys(store), []);
  });

  test(
    "belongs to somebody else",
    { skip: process.getuid?.() === 0 && "root may all" },
    async () => {
      await using folder = await scratch();
      await using store = await openDriver(urlOf(folder.path), PLAIN);
      await chmod(folder.path, 0o555);
      await fails("store-refused", put(store, "a", 10));
      await chmod(folder.path, 0o755);
      assert.deepEqual(await keys(store), []);
    },
  );
});

test("no secret is told, not even with --debug", async () => {
  await using folder = await scratch();
  const lines: string[] = [];
  const settings = { format: "json", debug: true, color: false } as const;
  const log = createLog((line) => void lines.push(line), settings);
  await using store = await openStore(urlOf(folder.path), { env: {}, log });
  await put(store, "a", 10);
  assert.doesNotMatch(lines.join(), /PRIVATE KEY/);
});
