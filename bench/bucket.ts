/** A bucket of a real S3 service on loopback, and all that ours and a script of the usual tools need to work with it. */
import { DeleteObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { etcdBinaries } from "../test/support/etcd.ts";
import { BIN } from "../test/support/holdfast.ts";
import { part, withLibraries } from "../test/support/parts.ts";
import { S3_ENV, startS3, type S3Service } from "../test/support/versitygw.ts";
import { awscliBin } from "./awscli.ts";
import { CACHE } from "./input.ts";
import { measured } from "./measure.ts";
import { OUTPUT } from "./output-folder.ts";

const BUCKET = "bench";
const REPOSITORY = "repository";
/** Where ours keeps manifests of the repository. */
const MANIFEST_CACHE = join(OUTPUT, "manifests");

type Env = Readonly<Record<string, string>>;

export interface Bucket extends AsyncDisposable {
  /** Of the repository in it. */
  readonly repositoryURL: string;
  /** To be added to the environment: the repository for ours; for the usual tools the service, and their PATH. */
  readonly env: Env;
  /** How the usual tools name an object, or all that begin like it. */
  objectURL(key: string): string;
  /** The same for one of the repository. */
  repositoryObjectURL(key: string): string;
  /** Removes all that begins like this. */
  remove(prefix: string): Promise<void>;
}

/** Starts a service. @param home where it keeps everything; with an empty bucket when it is not there */
export async function openBucket(home: string): Promise<Bucket> {
  const isNew = !existsSync(home);
  await mkdir(home, { recursive: true });
  const service = await startS3({ home });
  if (isNew) await service.createBucket({ name: BUCKET });
  const { endpoint } = service;
  const repositoryURL = `s3://${BUCKET}/${REPOSITORY}?endpoint=${endpoint}&pathStyle=true`;
  const objectURL = (key: string): string => `s3://${BUCKET}/${key}`;
  return {
    repositoryURL,
    env: {
      ...S3_ENV,
      ...(await toolsEnv(endpoint)),
      HOLDFAST_REPO: repositoryURL,
      HOLDFAST_CACHE_DIR: MANIFEST_CACHE,
    },
    objectURL,
    repositoryObjectURL: (key) => objectURL(`${REPOSITORY}/${key}`),
    remove: (prefix) => removeObjects(service, prefix),
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  };
}

/** With the tools of the parts on the PATH, and no configuration of whoever starts it. */
async function toolsEnv(endpoint: string): Promise<Env> {
  const stock = await part("stock");
  const { etcdctl } = await etcdBinaries("3.6");
  const bins = [dirname(etcdctl), await part("age"), stock, await awscliBin()];
  return {
    PATH: [...bins, process.env["PATH"]].join(delimiter),
    LIBRARIES: withLibraries(stock)["LD_LIBRARY_PATH"]!,
    OUTPUT,
    AWS_ENDPOINT_URL: endpoint,
    AWS_DEFAULT_REGION: "us-east-1",
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
  };
}

async function removeObjects({ client }: S3Service, prefix: string): Promise<void> {
  const listing = new ListObjectsV2Command({ Bucket: BUCKET, Prefix: prefix });
  const { Contents = [] } = await client.send(listing);
  for (const { Key } of Contents)
    await client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key }));
}

/** A command line for lines of a shell, which ends with the first that fails, in pipes too. */
export function shell(lines: string): string[] {
  return ["bash", "-euo", "pipefail", "-c", lines];
}

/** A bucket with a repository and its keys. */
export interface Depot extends Bucket {
  /** With the keys, for both sides. */
  readonly env: Env;
  /** Removes all backups. */
  clear(): Promise<void>;
}

/** A new one on the disk of the inputs, which goes away with all that it holds. */
export async function openDepot(): Promise<Depot> {
  const home = join(CACHE, "s3");
  await rm(home, { recursive: true, force: true });
  const bucket = await openBucket(home);
  const keys = join(home, "keys");
  await measured([BIN, "init", `--out=${keys}`], bucket.env);
  const env = {
    ...bucket.env,
    HOLDFAST_RECIPIENTS_FILE: join(keys, "recipients.txt"),
    HOLDFAST_SIGNING_KEY: join(keys, "signing-key"),
    HOLDFAST_IDENTITY: join(keys, "identity.txt"),
    HOLDFAST_ALLOWED_SIGNERS: join(keys, "allowed-signers"),
  };
  return {
    ...bucket,
    env,
    clear: () => bucket.remove(`${REPOSITORY}/default/`),
    async [Symbol.asyncDispose]() {
      await bucket[Symbol.asyncDispose]();
      await rm(home, { recursive: true, force: true });
    },
  };
}
