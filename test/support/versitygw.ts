/** A real S3 service on loopback, and buckets in it. */
import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { silentLog } from "../../src/io/log.ts";
import { openDriver, type OpenOptions } from "../../src/store/open.ts";
import type { Store } from "../../src/store/store.ts";
import type { TlsFiles } from "./certificates.ts";
import { freeURLs } from "./etcd.ts";
import { part } from "./parts.ts";
import { output } from "./program.ts";
import { startServer, type Server } from "./server.ts";
import { scratch } from "./scratch.ts";
import type { Subject } from "./store-subject.ts";

/** Its only user. */
export const S3_ENV = {
  AWS_ACCESS_KEY_ID: "AKIAHOLDFASTTEST",
  AWS_SECRET_ACCESS_KEY: "s3cret-of-the-tests-0123456789",
};

export interface S3Service extends AsyncDisposable {
  readonly endpoint: string;
  /** As an administrator would look at it. */
  readonly client: S3Client;
  /** A bucket, of a new name by default, with object lock (and versions) if wanted. */
  createBucket(options?: { name?: string; lock?: boolean }): Promise<string>;
  /** Somebody who may do nothing yet; the environment to be them. */
  createUser(name: string): Promise<typeof S3_ENV>;
  /** Takes a bucket away with all it holds. */
  removeBucket(bucket: string): Promise<void>;
}

/** The one that a service with TLS is in, and where Amazon has its own. */
export const AMAZON = { region: "eu-central-1", host: "s3.eu-central-1.amazonaws.com" };

export interface S3Options {
  /** A folder with what it holds, to be kept; left out, one that goes away. */
  readonly home?: string;
  /** Its certificate, for the names of Amazon's in `AMAZON` as well; left out, it speaks in plain. */
  readonly tls?: TlsFiles;
}

/** Starts a service of its own. */
export async function startS3({ home, tls }: S3Options = {}): Promise<S3Service> {
  const folder = home === undefined ? await scratch() : undefined;
  const names = ["root", "versions", "users"];
  const [root, versions, users] = names.map((name) => join(home ?? folder!.path, name));
  for (const path of [root!, versions!, users!]) await mkdir(path, { recursive: true });
  const [free] = await freeURLs(1);
  const endpoint = tls === undefined ? free : free!.replace("http:", "https:");
  const server = await launch(endpoint!, { root: root!, versions: versions!, users: users! }, tls);
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = S3_ENV;
  const client = new S3Client({
    endpoint: endpoint!,
    region: tls === undefined ? "us-east-1" : AMAZON.region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
    ...(tls && { requestHandler: { httpsAgent: { ca: await readFile(tls.caFile) } } }),
  });
  let buckets = 0;
  return {
    endpoint: endpoint!,
    client,
    async createBucket({ name = `bucket-${++buckets}`, lock = false } = {}) {
      const options = { Bucket: name, ObjectLockEnabledForBucket: lock };
      await client.send(new CreateBucketCommand(options));
      return name;
    },
    async createUser(name) {
      const user = { AWS_ACCESS_KEY_ID: name, AWS_SECRET_ACCESS_KEY: `${name}-of-the-tests` };
      const login = ["--access", accessKeyId, "--secret", secretAccessKey];
      const program = join(await part("versitygw"), "versitygw");
      const made = ["--access", name, "--secret", user.AWS_SECRET_ACCESS_KEY, "--role", "user"];
      const to = ["--endpoint-url", endpoint!];
      await output(program, ["admin", ...login, ...to, "create-user", ...made]);
      return user;
    },
    // parts of a put that broke off may still be written
    removeBucket: (bucket) =>
      rm(join(root!, bucket), { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }),
    async [Symbol.asyncDispose]() {
      client.destroy();
      await server.stop();
      await folder?.[Symbol.asyncDispose]();
    },
  };
}

async function launch(
  endpoint: string,
  { root, versions, users }: { root: string; versions: string; users: string },
  tls: TlsFiles | undefined,
): Promise<Server> {
  const program = join(await part("versitygw"), "versitygw");
  const { AWS_ACCESS_KEY_ID: user, AWS_SECRET_ACCESS_KEY: secret } = S3_ENV;
  const { host } = new URL(endpoint);
  const front = ["--port", host, "--iam-dir", users, "--health", "/health", "--quiet"];
  const names = ["--region", AMAZON.region, "--virtual-domain", AMAZON.host];
  const secure = tls === undefined ? [] : ["--cert", tls.certFile, "--key", tls.keyFile, ...names];
  const args = [...front, ...secure, "posix", "--versioning-dir", versions, root];
  const env = { PATH: process.env["PATH"], ROOT_ACCESS_KEY: user, ROOT_SECRET_KEY: secret };
  return startServer(program, args, { env }, `${endpoint}/health`);
}

/** The URL of a store in it, by way of `endpoint`. */
export function s3URL(bucket: string, endpoint: string, parameters = ""): string {
  return `s3://${bucket}/of/tests?endpoint=${endpoint}&pathStyle=true${parameters}`;
}

/** An empty store in a bucket of its own. The driver alone, by default. */
export async function s3Subject(
  service: S3Service,
  open: (url: string, options: OpenOptions) => Promise<Store> = openDriver,
): Promise<Subject> {
  const { client } = service;
  const Bucket = await service.createBucket();
  const store = await open(s3URL(Bucket, service.endpoint), { env: S3_ENV, log: silentLog });
  return {
    store,
    leftovers: () => uploadsIn(service, Bucket),
    async abandonPut(key) {
      const Key = `of/tests/${key}`;
      const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
      const one = { Bucket, Key, UploadId, PartNumber: 1, Body: Buffer.alloc(1000) };
      await client.send(new UploadPartCommand(one));
    },
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await service.removeBucket(Bucket);
    },
  };
}

/** Keys of the uploads that are not complete. */
export async function uploadsIn({ client }: S3Service, Bucket: string): Promise<string[]> {
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
  return Uploads.map(({ Key = "" }) => Key);
}
