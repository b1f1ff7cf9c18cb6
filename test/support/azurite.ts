/** An emulated Azure Blob Storage on loopback, and containers in it. */
import { ContainerClient, StorageSharedKeyCredential } from "@azure/storage-blob";
import { join } from "node:path";
import { silentLog } from "../../src/io/log.ts";
import { openDriver, type OpenOptions } from "../../src/store/open.ts";
import type { Store } from "../../src/store/store.ts";
import type { TlsFiles } from "./certificates.ts";
import { freeURLs } from "./etcd.ts";
import { part } from "./parts.ts";
import { scratch } from "./scratch.ts";
import { startServer } from "./server.ts";
import type { Subject } from "./store-subject.ts";

export const ACCOUNT = "holdfasttest";
/** Of its only account. */
export const AZURE_KEY = Buffer.from("s3cret-of-the-tests-0123456789").toString("base64");

export interface AzureService extends AsyncDisposable {
  /** With the account in its path, as emulators have it. */
  readonly endpoint: string;
  readonly credential: StorageSharedKeyCredential;
  /** A container of a new name, as an administrator sees it. */
  createContainer(): Promise<ContainerClient>;
}

/** Starts a service of its own: in plain, or with a certificate, and then it takes tokens too. */
export async function startAzure(tls?: TlsFiles): Promise<AzureService> {
  const folder = await scratch();
  const program = join(await part("azurite"), "node_modules/azurite/dist/src/blob/main.js");
  const [free] = await freeURLs(1);
  const url = tls === undefined ? free : free!.replace("http:", "https:");
  const { hostname, port } = new URL(url!);
  const place = ["--blobHost", hostname, "--blobPort", port, "--location", folder.path];
  const flags = ["--silent", "--disableTelemetry", "--skipApiVersionCheck"];
  const env = { PATH: process.env["PATH"], AZURITE_ACCOUNTS: `${ACCOUNT}:${AZURE_KEY}` };
  const secure = tls && ["--cert", tls.certFile, "--key", tls.keyFile, "--oauth", "basic"];
  const args = [program, ...place, ...flags, ...(secure ?? [])];
  const server = await startServer(process.execPath, args, { env, cwd: folder.path }, url!);
  const credential = new StorageSharedKeyCredential(ACCOUNT, AZURE_KEY);
  const endpoint = `${url}/${ACCOUNT}`;
  let containers = 0;
  return {
    endpoint,
    credential,
    async createContainer() {
      const name = `container-${++containers}`;
      const client = new ContainerClient(`${endpoint}/${name}`, credential);
      await client.create();
      return client;
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** The URL of a store in it, by way of `endpoint`. */
export function azureURL(container: string, endpoint: string): string {
  return `azblob://${ACCOUNT}/${container}/of/tests?endpoint=${endpoint}`;
}

/** An empty store in a container of its own. The driver alone, by default. */
export async function azureSubject(
  service: AzureService,
  open: (url: string, options: OpenOptions) => Promise<Store> = openDriver,
): Promise<Subject> {
  const client = await service.createContainer();
  const env = { AZURE_STORAGE_KEY: AZURE_KEY };
  const url = azureURL(client.containerName, service.endpoint);
  const store = await open(url, { env, log: silentLog });
  return {
    store,
    leftovers: () => uncommitted(client),
    async abandonPut(key) {
      const blob = client.getBlockBlobClient(`of/tests/${key}`);
      await blob.stageBlock(Buffer.from("0001").toString("base64"), "abandoned", 9);
    },
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await client.delete();
    },
  };
}

/** Names that hold blocks and nothing else. */
export async function uncommitted(client: ContainerClient): Promise<string[]> {
  const names = async (includeUncommitedBlobs: boolean): Promise<string[]> => {
    const found: string[] = [];
    for await (const { name } of client.listBlobsFlat({ includeUncommitedBlobs })) found.push(name);
    return found;
  };
  const committed = new Set(await names(false));
  return (await names(true)).filter((name) => !committed.has(name));
}
