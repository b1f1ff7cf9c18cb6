/** An emulated Google Cloud Storage on loopback, and buckets in it. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { silentLog } from "../../src/io/log.ts";
import { openDriver, type OpenOptions } from "../../src/store/open.ts";
import type { Store } from "../../src/store/store.ts";
import { freeURLs } from "./etcd.ts";
import { part } from "./parts.ts";
import { scratch } from "./scratch.ts";
import { startServer } from "./server.ts";
import type { Subject } from "./store-subject.ts";

export interface GoogleService extends AsyncDisposable {
  readonly endpoint: string;
  /** A bucket of a new name. */
  createBucket(): Promise<string>;
}

/** Starts a service of its own, which keeps everything in memory. */
export async function startGoogle(): Promise<GoogleService> {
  const folder = await scratch();
  await mkdir(folder.file("home"));
  const program = join(await part("fake-gcs"), "fake-gcs-server");
  const [endpoint] = await freeURLs(1);
  const { hostname, port } = new URL(endpoint!);
  const place = ["-scheme", "http", "-host", hostname, "-port", port];
  const args = [...place, "-backend", "memory", "-log-level", "error"];
  const env = { PATH: process.env["PATH"], HOME: folder.file("home") };
  const ready = `${endpoint}/_internal/healthcheck`;
  const server = await startServer(program, args, { env, cwd: folder.path }, ready);
  let buckets = 0;
  return {
    endpoint: endpoint!,
    async createBucket() {
      const name = `bucket-${++buckets}`;
      const answer = await fetch(`${endpoint}/storage/v1/b?project=tests`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ name }),
      });
      if (!answer.ok) throw new Error(`no bucket was made: ${await answer.text()}`);
      return name;
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** The URL of a store in it, by way of `endpoint`. */
export function googleURL(bucket: string, endpoint: string): string {
  return `gs://${bucket}/of/tests?endpoint=${endpoint}`;
}

/** An empty store in a bucket of its own. The driver alone, by default. */
export async function googleSubject(
  service: GoogleService,
  open: (url: string, options: OpenOptions) => Promise<Store> = openDriver,
): Promise<Subject> {
  const bucket = await service.createBucket();
  const store = await open(googleURL(bucket, service.endpoint), { env: {}, log: silentLog });
  return {
    store,
    // uploads that are not complete cannot be seen from anywhere
    leftovers: async () => [],
    abandonPut: async () => {},
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}
