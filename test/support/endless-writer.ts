/** A program that puts one object after the other into a folder, until it is killed: `endless-writer.ts FOLDER NAME`. */
import { silentLog } from "../../src/io/log.ts";
import { openDriver } from "../../src/store/open.ts";
import { body } from "./body.ts";

const [folder = "", name = ""] = process.argv.slice(2);
const store = await openDriver(folder, { env: {}, log: silentLog });
const { signal } = new AbortController();
process.stdout.write("ready\n");
for (let n = 0; ; n++) {
  const size = 100_000 * (1 + (n % 20));
  const key = `${name}/${n}-${size}`;
  await store.put(key, body(key, size), { ifAbsent: true, signal });
}
