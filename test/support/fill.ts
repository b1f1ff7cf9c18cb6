/** Fills a cluster with data that looks like a Kubernetes control plane's; the same seed gives the same keys and values. */
import { bytesField } from "../../src/format/protobuf.ts";
import { concatBytes, textBytes } from "../../src/format/bytes.ts";
import { connect } from "./client.ts";
import type { ConnectOptions, Put, TestClient } from "./client.ts";
import { random } from "./random.ts";
import type { Random } from "./random.ts";

export interface FillOptions extends ConnectOptions {
  /** Different keys. */
  readonly keys: number;
  readonly seed: number;
  /** Smallest and largest value; [200, 8192] when left out. */
  readonly valueBytes?: readonly [number, number];
  /** Keys written once more, one revision each; a quarter of all when left out. */
  readonly updates?: number;
  /** Keys deleted at the end; a tenth of all when left out. */
  readonly deletes?: number;
  /** Further keys, with values of 1 MiB that nothing compresses; none when left out. */
  readonly noise?: number;
  /** Leases that hold one key each; 3 when left out. */
  readonly leases?: number;
  /** Transactions under way at once. With 1 the revisions repeat as well; 8 when left out. */
  readonly parallel?: number;
}

/** Most kinds are protobuf behind "k8s\0"; those with a group (a dot) are custom resources, in JSON. */
const KINDS = [
  "pods",
  "secrets",
  "configmaps",
  "events",
  "services/specs",
  "deployments",
  "replicasets",
  "leases",
  "cert-manager.io/certificates",
  "cilium.io/ciliumendpoints",
] as const;
const NAMESPACES = ["default", "kube-system", "monitoring", "shop", "team-a", "team-b"] as const;
const WORDS = [
  "image",
  "metadata",
  "labels",
  "status",
  "spec",
  "node",
  "running",
  "ready",
  "container",
];

/** etcd takes 128 operations in a transaction and 1.5 MiB in a request. */
const BATCH_PUTS = 64;
const BATCH_BYTES = 512 * 1024;

/** Creates the keys (many in a revision), then updates some, gives some to leases and deletes some. */
export async function fill(url: string, options: FillOptions): Promise<void> {
  const { keys, seed, parallel = 8, noise = 0 } = options;
  const { updates = keys >> 2, deletes = Math.floor(keys / 10), leases = 3 } = options;
  const sizes = options.valueBytes ?? [200, 8192];
  using client = await connect(url, options);
  const chance = random(seed);
  const names = Array.from({ length: keys }, (_, i) => keyName(i, chance));
  const make = valueMaker(sizes, chance);

  await inParallel(parallel, batches(names, make), (puts) => client.putAll(puts));
  await inParallel(parallel, spread(names, updates), (name) => {
    const { key, value } = make(name);
    return client.put(key, value);
  });
  await giveToLeases(client, spread(names, leases).map(make), chance);
  await inParallel(parallel, spread(names.toReversed(), deletes), (name) =>
    client.deleteRange(name),
  );
  for (let i = 0; i < noise; i++) await client.put(`/registry/noise/${i}`, chance.bytes(1 << 20));
}

function keyName(index: number, chance: Random): string {
  const name = `${chance.pick(["web", "api", "db", "job", "cache"])}-${index.toString(36).padStart(5, "0")}`;
  return `/registry/${chance.pick(KINDS)}/${chance.pick(NAMESPACES)}/${name}`;
}

/** Makes values: small ones are common and large ones rare, as in a real cluster. */
function valueMaker([least, most]: readonly [number, number], chance: Random) {
  const text = prose(chance);
  return (key: string): Put => {
    const length = chance.between(least, chance.between(least, most));
    const from = chance.between(0, text.length - 1 - length);
    const wrap = key.split("/")[2]!.includes(".") ? customResource : kubernetesProtobuf;
    const body = Math.max(0, length - wrap(key, "").length);
    return { key, value: wrap(key, text.slice(from, from + body)) };
  };
}

/** Text to cut values from: as compressible as manifests are. */
function prose(chance: Random): string {
  const words: string[] = [];
  for (let i = 0; i < 150_000; i++)
    words.push(i % 2 === 0 ? chance.pick(WORDS) : chance.between(0, 2 ** 31).toString(16));
  return words.join(" ");
}

function customResource(key: string, body: string): Uint8Array {
  return textBytes(
    JSON.stringify({ apiVersion: "example.io/v1", metadata: { name: key }, spec: { body } }),
  );
}

/** The envelope of apimachinery's protobuf serializer: "k8s\0", then Unknown { typeMeta = 1, raw = 2 }. */
function kubernetesProtobuf(key: string, body: string): Uint8Array {
  const type = concatBytes([bytesField(1, textBytes("v1")), bytesField(2, textBytes("Pod"))]);
  const object = concatBytes([bytesField(1, textBytes(key)), bytesField(2, textBytes(body))]);
  return concatBytes([textBytes("k8s\0"), bytesField(1, type), bytesField(2, object)]);
}

/** Transactions of at most BATCH_PUTS and about BATCH_BYTES, made only when they are asked for. */
function* batches(names: readonly string[], make: (key: string) => Put): Generator<Put[]> {
  let batch: Put[] = [];
  let bytes = 0;
  for (const name of names) {
    const one = make(name);
    bytes += one.value.length;
    batch.push(one);
    if (batch.length === BATCH_PUTS || bytes >= BATCH_BYTES) {
      yield batch;
      batch = [];
      bytes = 0;
    }
  }
  if (batch.length > 0) yield batch;
}

/** `count` different names (or all), evenly over the whole list. */
function spread(names: readonly string[], count: number): string[] {
  const wanted = Math.min(count, names.length);
  return Array.from({ length: wanted }, (_, i) => names[Math.floor((i * names.length) / wanted)]!);
}

async function giveToLeases(client: TestClient, puts: readonly Put[], chance: Random) {
  for (const put of puts) {
    const lease = await client.grant(
      chance.between(3600, 36000),
      BigInt(chance.between(1, 2 ** 31)),
    );
    await client.put(put.key, put.value, lease);
  }
}

async function inParallel<T>(
  width: number,
  items: Iterable<T>,
  work: (item: T) => Promise<unknown>,
) {
  const source = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = source.next(); !next.done; next = source.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: width }, worker));
}
