/** What file systems answer to link(2) that we do not have here, and in which order things are put on the disk. */
import assert from "node:assert/strict";
import { promises } from "node:fs";
import { open, readdir, stat, symlink, writeFile, mkdir } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { dirname, join } from "node:path";
import { afterEach, describe, test } from "node:test";
import { body } from "../../../test/support/body.ts";
import { folderSubject } from "../../../test/support/folder-store.ts";
import { output } from "../../../test/support/program.ts";
import { scratch } from "../../../test/support/scratch.ts";
import { storeContract } from "../../../test/support/store-contract.ts";
import { fails, keys, put, read, waiting } from "../../../test/support/store-subject.ts";
import { call, objectFolder } from "./folder.ts";

const { link } = promises;

/** Puts another link(2) into the place of the system's. */
function replaceLink(other: typeof link): void {
  promises.link = other;
  syncBuiltinESMExports();
}

async function ground() {
  const folder = await scratch();
  return folderSubject(folder.path, async () => folder[Symbol.asyncDispose]());
}

const unsupported: typeof link = async () => {
  throw Object.assign(new Error("EPERM: operation not permitted, link"), { code: "EPERM" });
};

storeContract("a folder without links", {
  open: async () => {
    replaceLink(unsupported);
    return ground();
  },
  expected: { conditionalPut: false, objectLock: false, versioning: false },
  largest: 1 << 20,
  many: 50,
});

describe("links", () => {
  afterEach(() => replaceLink(link));

  test("a link that succeeded and was told as taken is a success: NFS repeats requests", async () => {
    await using subject = await ground();
    replaceLink(async (from, to) => {
      await link(from, to);
      throw Object.assign(new Error("EEXIST"), { code: "EEXIST" });
    });
    await put(subject.store, "a/b", 10);
    assert.deepEqual(await subject.leftovers(), []);
    replaceLink(link);
    await fails("object-exists", put(subject.store, "a/b", 10));
  });

  test("content is on the disk before the name, and the name before the put ends", async () => {
    await using subject = await ground();
    const events: string[] = [];
    await put(subject.store, "first/object", 1);
    const handle = await open("/dev/null", "r");
    const prototype = Object.getPrototypeOf(handle) as typeof handle;
    await handle.close();
    const { sync } = prototype;
    prototype.sync = async function () {
      events.push((await this.stat()).isDirectory() ? "sync folder" : "sync file");
      return sync.call(this);
    };
    replaceLink(async (from, to) => {
      events.push("link");
      return link(from, to);
    });
    try {
      await put(subject.store, "new/object", 100);
    } finally {
      prototype.sync = sync;
    }
    // the folder "new", and the one that it is new in
    assert.deepEqual(events, ["sync file", "link", "sync folder", "sync folder"]);
  });
});

test("files and folders are for their owner alone", async () => {
  await using folder = await scratch();
  await using subject = await folderSubject(folder.file("store"), async () => {});
  await put(subject.store, "a/b", 10);
  const mode = async (path: string): Promise<string> =>
    ((await stat(path)).mode & 0o777).toString(8);
  const path = folder.file("store", "a", "b");
  assert.equal(await mode(path), "600");
  for (const at of [dirname(path), folder.file("store"), folder.file("store", ".incoming")])
    assert.equal(await mode(at), "700", at);
});

test("what others put there is neither shown nor followed", async () => {
  await using folder = await scratch();
  await using subject = await folderSubject(folder.file("store"), async () => {});
  const { store } = subject;
  await put(store, "a/real", 10);
  const at = (...names: string[]): string => folder.file("store", ...names);
  await writeFile(folder.file("secret"), "x");
  await symlink(folder.file("secret"), at("a", "linked"));
  await symlink(folder.path, at("loop"));
  await output("mkfifo", [at("a", "pipe")]);
  await mkdir(at("lost+found"));
  for (const name of [".DS_Store", "a b", "ä", "x~"]) await writeFile(at(name), "x");
  await mkdir(at("a", "empty"));
  assert.deepEqual(await keys(store), ["a/real"]);
  for (const key of ["a/linked", "a/pipe", "a/empty"]) {
    await fails("object-missing", read(store, key));
    assert.equal(await store.stat(key, waiting), undefined, key);
  }
  await fails("object-exists", put(store, "a/linked", 1));
  assert.equal((await stat(folder.file("secret"))).size, 1);
});

test("a root behind a link to nothing, or to itself, is told as such", async () => {
  await using folder = await scratch();
  await symlink("/nowhere/at/all", folder.file("dangling"));
  await symlink(folder.file("loop"), folder.file("loop"));
  for (const name of ["dangling", "loop"]) {
    await using subject = await folderSubject(folder.file(name), async () => {});
    await fails("store-misconfigured", put(subject.store, "a", 10));
  }
});

test("a name inside an object is refused", async () => {
  await using subject = await ground();
  await put(subject.store, "a", 10);
  await fails("object-key", put(subject.store, "a/b", 10));
  assert.deepEqual(await subject.leftovers(), []);
});

test("folders that are emptied go away, and racing puts into them do not mind", async () => {
  await using subject = await ground();
  const { store } = subject;
  const work = async (n: number): Promise<void> => {
    for (let round = 0; round < 15; round++) {
      await store.put(`a/b/${n}`, body("x", 10), waiting);
      await store.delete(`a/b/${n}`, waiting);
    }
  };
  await Promise.all([1, 2, 3, 4].map(work));
  assert.deepEqual(await keys(store), []);
});

test("a file that ends early is no end of the object", async () => {
  await using folder = await scratch();
  await using subject = await folderSubject(folder.path, async () => {});
  await put(subject.store, "a", 2 << 20);
  const pieces = subject.store.get("a", waiting)[Symbol.asyncIterator]();
  await pieces.next();
  await promises.truncate(join(folder.path, "a"), 600_000);
  await fails(
    "store-wrong-answer",
    (async () => {
      for (;;) if ((await pieces.next()).done) return;
    })(),
  );
});

test("a file system that does not answer is given up", async () => {
  const folder = objectFolder("/mnt", 20);
  const never = (): Promise<void> => new Promise(() => {});
  await fails("store-unreachable", call(folder, "write", waiting.signal, never));
  const stop = new AbortController();
  const hanging = call(objectFolder("/mnt", 1e6), "write", stop.signal, never);
  stop.abort(new Error("enough"));
  await assert.rejects(hanging, /enough/);
});

test("what is left is not in the way of closing", async () => {
  await using folder = await scratch();
  const subject = await folderSubject(folder.file("store"), async () => {});
  await subject.abandonPut("x");
  await subject.store[Symbol.asyncDispose]();
  await subject.store[Symbol.asyncDispose]();
  assert.deepEqual(await readdir(folder.file("store", ".incoming")), ["abandoned"]);
});
