/** Stores of the rsync driver for the contract, whatever carries rsync's words. */
import assert from "node:assert/strict";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { silentLog } from "../../src/io/log.ts";
import { openDriver, type OpenOptions } from "../../src/store/open.ts";
import { scratch } from "./scratch.ts";
import { keys, put, type Subject } from "./store-subject.ts";

export const RSYNC_CAPABILITIES = { conditionalPut: false, objectLock: false, versioning: false };

/** A folder's name of which a shell would make something else. */
const ODD_FOLDER = `a b*[x] $(c) 'q' "d" ; & ~ \\ #`;

/** Stores an object under `root` in a folder of that name; `url` is that of a folder there. */
export async function storeInOddFolder(
  url: (name: string) => string,
  root: string,
  options: OpenOptions,
): Promise<void> {
  await using store = await openDriver(url(`${encodeURIComponent(ODD_FOLDER)}/deep`), options);
  await put(store, "a/b", 1000);
  assert.deepEqual(await readdir(join(root, ODD_FOLDER, "deep", "a")), ["b"]);
  assert.deepEqual(await keys(store), ["a/b"]);
}

let stores = 0;

/** A store of its own below `root`; `url` is that of a folder there. */
export async function rsyncSubject(
  url: (name: string) => string,
  root: string,
  env: OpenOptions["env"],
): Promise<Subject> {
  const name = `store-${stores++}`;
  const path = join(root, name, "deep");
  // its own: what is swept here must not be another one's that is at work
  const spool = await scratch();
  const store = await openDriver(url(`${name}/deep`), {
    log: silentLog,
    env: { ...env, TMPDIR: spool.path },
  });
  return {
    store,
    async leftovers() {
      const all = await readdir(path, { recursive: true }).catch(() => []);
      return all.filter((one) => /(^|\/)\./.test(one));
    },
    async abandonPut(key) {
      await mkdir(join(path, key, ".."), { recursive: true });
      await writeFile(join(path, key.replace(/([^/]+)$/, ".$1.Ab12Cd")), key);
    },
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await spool[Symbol.asyncDispose]();
    },
  };
}
