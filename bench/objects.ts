/** Objects as an API server stores them: names, sizes and texts of the usual kinds in the usual shares. */
import { concatBytes, textBytes } from "../src/format/bytes.ts";
import { bytesField } from "../src/format/protobuf.ts";
import { random, type Random } from "../test/support/random.ts";

interface Kind {
  readonly kind: string;
  /** Behind `/registry/`; a group with a dot in it marks custom resources, which are stored as JSON. */
  readonly resource: string;
  /** Of a thousand objects. */
  readonly share: number;
  /** Smallest and largest value; small ones are common and large ones rare. */
  readonly bytes: readonly [number, number];
  /** What names begin with. */
  readonly prefix?: string;
}

const KINDS: readonly Kind[] = [
  { kind: "Pod", resource: "pods", share: 220, bytes: [2200, 10_300] },
  { kind: "Event", resource: "events", share: 220, bytes: [500, 1500] },
  { kind: "ReplicaSet", resource: "replicasets", share: 120, bytes: [1600, 4000] },
  { kind: "Secret", resource: "secrets", share: 106, bytes: [300, 9000] },
  {
    kind: "Secret",
    resource: "secrets",
    share: 2,
    bytes: [20_000, 800_000],
    prefix: "sh.helm.release.v1.",
  },
  { kind: "ConfigMap", resource: "configmaps", share: 90, bytes: [200, 12_000] },
  { kind: "EndpointSlice", resource: "endpointslices", share: 60, bytes: [400, 3000] },
  { kind: "ServiceAccount", resource: "serviceaccounts", share: 60, bytes: [200, 600] },
  { kind: "Lease", resource: "leases", share: 20, bytes: [300, 500] },
  { kind: "CiliumEndpoint", resource: "cilium.io/ciliumendpoints", share: 62, bytes: [1200, 3000] },
  { kind: "Certificate", resource: "cert-manager.io/certificates", share: 40, bytes: [1500, 4000] },
];
/** Every kind as often as its share says. */
const BY_SHARE = KINDS.flatMap((kind) => Array.from({ length: kind.share }, () => kind));
const NAMESPACES = Array.from({ length: 120 }, (_, i) => `team-${i.toString(36)}`);
const APPS = [
  "web",
  "api",
  "checkout",
  "search",
  "billing",
  "ingest",
  "cache",
  "worker",
  "gateway",
];
const WORDS = `image metadata labels annotations status spec node running ready container volumeMounts
  readOnly terminationMessagePath resources requests limits memory kubernetes.io lastTransitionTime True`;
const TEXT = prose(random(7));

/** What does not change about object number `index`: the same at every call. */
function identity(index: number): Kind & { readonly key: string } {
  const chance = random(index);
  const kind = chance.pick(BY_SHARE);
  const app = `${chance.pick(APPS)}-${index.toString(36)}-${chance.between(0, 0xfffff).toString(36)}`;
  const key = `/registry/${kind.resource}/${chance.pick(NAMESPACES)}/${kind.prefix ?? ""}${app}`;
  return { ...kind, key };
}

export function objectKey(index: number): string {
  return identity(index).key;
}

/** Events are kept for a time only. */
export function usesLease(index: number): boolean {
  return identity(index).kind === "Event";
}

/** A value of object number `index`, another at every call. */
export function objectValue(index: number, chance: Random): Uint8Array {
  const { key, kind, resource, bytes } = identity(index);
  const [least, most] = bytes;
  const length = chance.between(least, chance.between(least, most));
  const from = chance.between(0, TEXT.length - length);
  const body = TEXT.subarray(from, from + length);
  return resource.includes(".") ? customResource(key, kind, body) : protobuf(key, kind, body);
}

function customResource(key: string, kind: string, body: Uint8Array): Uint8Array {
  const head = `{"apiVersion":"v1","kind":"${kind}","metadata":{"name":"${key}"},"spec":"`;
  return concatBytes([textBytes(head), body, textBytes('"}\n')]);
}

/** The envelope of apimachinery's protobuf serializer: "k8s\0", then Unknown { typeMeta = 1, raw = 2 }. */
function protobuf(key: string, kind: string, body: Uint8Array): Uint8Array {
  const type = concatBytes([bytesField(1, textBytes("v1")), bytesField(2, textBytes(kind))]);
  const object = concatBytes([bytesField(1, textBytes(key)), bytesField(2, body)]);
  return concatBytes([textBytes("k8s\0"), bytesField(1, type), bytesField(2, object)]);
}

/** Text to cut bodies from: about as compressible as manifests are. */
function prose(chance: Random): Uint8Array {
  const words = WORDS.split(/\s+/);
  const text = Array.from({ length: 200_000 }, (_, i) =>
    i % 3 === 0 ? chance.between(0, 2 ** 31).toString(36) : chance.pick(words),
  );
  return textBytes(text.join(" "));
}
