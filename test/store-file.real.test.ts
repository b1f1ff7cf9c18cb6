/** Folders on real file systems that are full, read-only, away, or somebody else's. */
import assert from "node:assert/strict";
import { chmod, chown, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog } from "../src/io/log.ts";
import { createRate } from "../src/store/limited.ts";
import { openDriver, openStore } from "../src/store/open.ts";
import type { Store } from "../src/store/store.ts";
import { pattern, slowly } from "./support/body.ts";
import { folderSubject } from "./support/folder-store.ts";
import { BIN, holdfast } from "./support/holdfast.ts";
import { ext4, noMounts, tmpfs, type Mount } from "./support/mounts.ts";
import { run } from "./support/program.ts";
import { storeContract } from "./support/store-contract.ts";
import { fails, keys, put, read, waiting } from "./support/store-subject.ts";

const MIB = 1 << 20;
const skip = await noMounts();
const fast = createRate(1e12);
const plain = { env: {}, log: silentLog };

storeContract("a folder in memory, behind all wrappers,", {
  skip,
  open: async () => {
    const mount = await tmpfs(128 * MIB);
    const gone = async (): Promise<void> => mount[Symbol.asyncDispose]();
    return folderSubject(join(mount.path, "store"), gone, (url, options) =>
      openStore(url, { ...options, limits: { upload: fast, download: fast } }),
    );
  },
  expected: { conditionalPut: true, objectLock: false, versioning: false },
});

for (const [name, make] of [
  ["tmpfs", () => tmpfs(4 * MIB)],
  ["ext4", () => ext4(8 * MIB)],
] as const) {
  test(
    `a full ${name} is told, nothing half is left, and what fits still fits`,
    { skip },
    async () => {
      await using mount = await make();
      const store = await openDriver(mount.path, plain);
      await put(store, "a/small", 1000);
      for (let attempt = 0; attempt < 2; attempt++)
        await fails("store-full", put(store, "a/large", 10 * MIB));
      assert.deepEqual(await keys(store), ["a/small"]);
      assert.deepEqual(await readdir(join(mount.path, ".incoming")), []);
      await put(store, "a/other", MIB);
      assert.deepEqual(await read(store, "a/other"), pattern("a/other", MIB));
      await store[Symbol.asyncDispose]();
    },
  );
}

test(
  "a store that is mounted read-only is read, and says why it takes nothing",
  { skip },
  async () => {
    await using mount = await tmpfs(4 * MIB);
    const store = await openDriver(mount.path, plain);
    await put(store, "a/b", 1000);
    await mount.remount("ro");
    assert.deepEqual(await read(store, "a/b"), pattern("a/b", 1000));
    assert.deepEqual(await keys(store), ["a/b"]);
    await fails("store-read-only", put(store, "a/c", 10));
    await fails("store-read-only", put(store, "new/c", 10));
    await fails("store-read-only", store.delete("a/b", waiting));
    assert.equal(await store.sweep(0, waiting), 0);
    const again = await openDriver(mount.path, plain);
    assert.equal((await again.capabilities(waiting)).conditionalPut, false);
    const checked = await holdfast(["store", "check", mount.path]);
    assert.equal(checked.status, 27);
    assert.match(checked.stderr, /read-only file system/);
  },
);

/** A store with a marker on a file system that goes away. */
async function vanishing(): Promise<{ mount: Mount; store: Store }> {
  const mount = await tmpfs(64 * MIB);
  await using first = await openStore(mount.path, plain);
  await put(first, "holdfast.json", 10);
  return { mount, store: await openStore(mount.path, { ...plain, marker: "holdfast.json" }) };
}

test(
  "a disk that is not mounted is noticed, and nothing is written below it",
  { skip },
  async () => {
    const { mount, store } = await vanishing();
    await using _mount = mount;
    await put(store, "a/b", 10);
    await mount.unmount();
    await fails("store-not-there", put(store, "a/c", 10));
    await fails("store-not-there", keys(store));
    assert.deepEqual(await readdir(mount.path), []);
  },
);

test("a disk that goes away during a put is noticed in the end", { skip }, async () => {
  const { mount, store } = await vanishing();
  await using _mount = mount;
  const slow = slowly("a/b", 9 * MIB);
  const given = store.put("a/b", slow.body, waiting);
  given.catch(() => {});
  await slow.waits;
  await mount.unmount();
  slow.goOn();
  await fails("store-not-there", given);
  assert.deepEqual(await readdir(mount.path), []);
});

test("a folder of somebody else is refused by name", { skip }, async () => {
  await using mount = await tmpfs(4 * MIB);
  await chmod(mount.path, 0o755);
  const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
  const checked = await run("setpriv", [...nobody, BIN, "store", "check", mount.path]);
  assert.equal(checked.status, 26, checked.stderr);
  assert.match(checked.stdout, /^write +FAILED +cannot write .*permission denied/m);
  const own = join(mount.path, "own");
  await mkdir(own);
  await chown(own, 65_534, 65_534);
  const passed = await run("setpriv", [...nobody, BIN, "store", "check", "--size=1M", own]);
  assert.equal(passed.status, 0, passed.stdout + passed.stderr);
});

test("two file systems in one store are refused", { skip }, async () => {
  await using outer = await tmpfs(4 * MIB);
  const store = await openDriver(outer.path, plain);
  await put(store, "a/b", 10);
  const inner = join(outer.path, "inner");
  await mkdir(inner);
  await run("mount", ["-t", "tmpfs", "tmpfs", inner]);
  try {
    await fails("store-misconfigured", put(store, "inner/x", 10));
    assert.deepEqual(await readdir(join(outer.path, ".incoming")), []);
  } finally {
    await run("umount", [inner]);
  }
});

test("store check leaves a new folder as it found it: not there", async () => {
  const path = join(process.env["TMPDIR"] ?? "/tmp", `holdfast-test-check-${process.pid}`);
  const checked = await holdfast([
    "store",
    "check",
    `file://${path}/deep`,
    "-o",
    "json",
    "--size=5M",
  ]);
  assert.equal(checked.status, 0, checked.stderr);
  const found = JSON.parse(checked.stdout) as { ok: boolean; size: number; capabilities: object };
  assert.deepEqual([found.ok, found.size], [true, 5_000_000]);
  assert.deepEqual(found.capabilities, {
    conditionalPut: true,
    objectLock: false,
    versioning: false,
  });
  await assert.rejects(readdir(path), { code: "ENOENT" });
});
