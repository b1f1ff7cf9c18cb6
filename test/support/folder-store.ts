/** The file driver as tests open it, with a look behind the scenes. */
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { silentLog } from "../../src/io/log.ts";
import { openDriver, type OpenOptions } from "../../src/store/open.ts";
import type { Store } from "../../src/store/store.ts";
import type { Subject } from "./store-subject.ts";

/** A store in a folder that is empty or missing. `gone` takes the folder away in the end. The driver alone, by default. */
export async function folderSubject(
  path: string,
  gone: () => Promise<void>,
  open: (url: string, options: OpenOptions) => Promise<Store> = openDriver,
): Promise<Subject> {
  const incoming = join(path, ".incoming");
  const store = await open(path, { env: {}, log: silentLog });
  return {
    store,
    leftovers: async () => readdir(incoming).catch(() => []),
    async abandonPut(key) {
      await mkdir(incoming, { recursive: true });
      await writeFile(join(incoming, "abandoned"), key);
    },
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await gone();
    },
  };
}
