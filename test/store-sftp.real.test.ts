/** The SFTP driver against a real sshd: the contract of stores, and what a server's disk does. */
import assert from "node:assert/strict";
import { chmod, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { openDriver } from "../src/store/open.ts";
import type { Store } from "../src/store/store.ts";
import { pattern, slowly } from "./support/body.ts";
import { holdfast } from "./support/holdfast.ts";
import { noMounts, tmpfs, type Mount } from "./support/mounts.ts";
import { scratch } from "./support/scratch.ts";
import { PLAIN, sftpSubject, sftpUrl } from "./support/sftp-place.ts";
import { startSshd } from "./support/sshd.ts";
import { storeContract } from "./support/store-contract.ts";
import { fails, keys, put, read, waiting } from "./support/store-subject.ts";

const MIB = 1 << 20;
/** It tells a hundred names at a time. */
const MANY = 250;

const server = await startSshd();
// and one that wants new keys for the connection all the time
const bare = await startSshd({
  sftpFlags: "-P hardlink,posix-rename,fsync",
  settings: ["RekeyLimit 4M"],
});
after(async () => {
  await server[Symbol.asyncDispose]();
  await bare[Symbol.asyncDispose]();
});

storeContract("a folder behind sshd", {
  open: () => sftpSubject(server),
  expected: { conditionalPut: true, objectLock: false, versioning: false },
  largest: 20 * MIB,
  many: MANY,
});

storeContract("a folder behind an SFTP server without extensions", {
  open: () => sftpSubject(bare),
  expected: { conditionalPut: false, objectLock: false, versioning: false },
  largest: 9 * MIB,
  many: MANY,
});

const skip = await noMounts();

/** A store on a small disk. As root the server has its own view of what is mounted, made when it starts. */
async function onDisk(work: (mount: Mount, store: Store) => Promise<void>): Promise<void> {
  await using mount = await tmpfs(4 * MIB);
  await using own = await startSshd();
  await using store = await openDriver(sftpUrl(own, mount.path), PLAIN);
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
    await using store = await openDriver(sftpUrl(server, folder.path), PLAIN);
    const slow = slowly("a/b", 9 * MIB);
    const given = store.put("a/b", slow.body, waiting);
    given.catch(() => {});
    await slow.waits;
    await rm(folder.file(".incoming"), { recursive: true });
    slow.goOn();
    await fails("store-not-there", given);
    assert.deepEqual(await keys(store), []);
  });

  test("belongs to somebody else: it is read where that is allowed, and says so", async () => {
    await using folder = await scratch();
    // root may do everything
    const user = process.getuid?.() === 0 ? "nobody" : server.user;
    await using store = await openDriver(sftpUrl(server, folder.path, { user }), PLAIN);
    await chmod(folder.path, 0o555);
    await fails("store-refused", put(store, "a", 10));
    await assert.rejects(put(store, "a", 10), /permission denied/);
    assert.deepEqual(await keys(store), []);
    assert.equal((await store.capabilities(waiting)).conditionalPut, false);
    await chmod(folder.path, 0o000);
    await fails("store-refused", keys(store));
    await fails("store-refused", read(store, "a"));
    await chmod(folder.path, 0o700);
  });

  test("has a file where the folder should be: nothing is there, and nothing can be put", async () => {
    await using folder = await scratch();
    await using store = await openDriver(sftpUrl(server, server.identityFile), PLAIN);
    assert.deepEqual(await keys(store), []);
    await fails("object-missing", read(store, "a"));
    await fails("object-key", put(store, "a", 10));
    await using below = await openDriver(sftpUrl(server, folder.path), PLAIN);
    await put(below, "a", 10);
    await fails("object-key", put(below, "a/b", 10));
  });
});

test("store check says what a server can do, and what it cannot", async () => {
  await using folder = await scratch();
  for (const [at, words] of [
    [server, /It refuses by itself a name that is taken/],
    [bare, /does not refuse by itself a name that is taken/],
  ] as const) {
    const { status, stdout, stderr } = await holdfast(["store", "check", sftpUrl(at, folder.path)]);
    assert.equal(status, 0, stderr);
    assert.match(stdout, words);
  }
  assert.deepEqual(await readdir(folder.path), [".incoming"]);
});
