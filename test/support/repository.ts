/** Repositories in folders, and backups in them: small ones with everything that a manifest holds. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { utimes } from "node:fs/promises";
import { HoldfastError, type ErrorCode } from "../../src/errors.ts";
import type { AllowedSigner } from "../../src/format/ssh/allowed-signers.ts";
import { silentLog } from "../../src/io/log.ts";
import { randomName } from "../../src/io/random.ts";
import { pack } from "../../src/pack/pack.ts";
import {
  listBackups,
  loadBackup,
  loadBackups,
  type ListedBackup,
} from "../../src/repository/catalog.ts";
import { recordEvidence, type Depth } from "../../src/repository/evidence.ts";
import {
  backupName,
  dataKey,
  RANDOM_DIGITS,
  reportKey,
  type BackupName,
  type SealSuffix,
} from "../../src/repository/layout.ts";
import { snapshotFacts } from "../../src/repository/facts.ts";
import {
  encodeManifest,
  type Manifest,
  type ManifestObject,
} from "../../src/repository/manifest.ts";
import { publish } from "../../src/repository/publish.ts";
import {
  initRepository,
  openRepository,
  type Repository,
} from "../../src/repository/repository.ts";
import { isoTime } from "../../src/repository/stamp.ts";
import { signWith, trustIn, type Sign, type Trust } from "../../src/repository/trust.ts";
import { generateSigningKey, readSigningKey } from "../../src/seal/signing-key.ts";
import { NO_RECIPIENTS, type Recipients } from "../../src/seal/recipients.ts";
import { seal as sealBytes } from "../../src/seal/seal.ts";
import { StoreFailure } from "../../src/store/failure.ts";
import { openStore } from "../../src/store/open.ts";
import { reportOf } from "./inspected.ts";
import { scratch } from "./scratch.ts";
import { kubernetesSnapshot } from "./small-snapshot.ts";

/** For calls that nobody aborts. */
export const waiting = { signal: new AbortController().signal };

export const CLUSTER = "prod";
/** The time of the first backup in tests; others count from here. */
export const EPOCH = Date.UTC(2026, 10, 24, 7);
export const HOUR = 3_600_000;

export async function openFolder(path: string): Promise<Repository> {
  return openRepository(await openStore(path, { env: {}, log: silentLog }), waiting);
}

export interface ScratchRepository extends Repository {
  /** The folder of the store. */
  readonly path: string;
  /** The path of an object. */
  file(key: string): string;
}

/** A new repository in a folder that goes away with it. */
export async function scratchRepository(): Promise<ScratchRepository> {
  const folder = await scratch();
  const path = folder.file("repository");
  const repository = await initRepository(
    await openStore(path, { env: {}, log: silentLog }),
    waiting,
  );
  return {
    ...repository,
    path,
    file: (key) => folder.file("repository", ...key.split("/")),
    async [Symbol.asyncDispose]() {
      await repository[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Somebody who signs. */
export interface Signer {
  readonly name: string;
  readonly sign: Sign;
  readonly allowed: AllowedSigner;
  /** The content of the key's file. */
  readonly privateKey: string;
}

/** A new key of somebody. */
export async function signer(name: string): Promise<Signer> {
  const { privateKey, key } = generateSigningKey(name);
  const file = { name, content: new TextEncoder().encode(privateKey) };
  const secret = await readSigningKey(file, () => Promise.reject(new Error("no passphrase")));
  return {
    name,
    sign: signWith(secret),
    privateKey,
    allowed: { principal: name, namespaces: undefined, key },
  };
}

/** Trust in these and in nobody else. */
export function trusting(...signers: readonly Signer[]): Trust {
  return trustIn(signers.map(({ allowed }) => allowed));
}

/** Who signs, unless a test says otherwise. */
export const ALICE = await signer("alice");
export const MALLORY = await signer("mallory");

export interface BackupOptions {
  readonly cluster?: string;
  readonly time?: number;
  readonly lineage?: number;
  readonly revision?: bigint;
  /** Bytes in use, as the manifest has them. */
  readonly inUse?: number;
  /** What is stored as the snapshot. */
  readonly data?: Uint8Array;
  /** Of its name; by default it says that nothing is sealed. */
  readonly suffix?: SealSuffix;
  /** Further objects, which lie there already. */
  readonly objects?: readonly ManifestObject[];
  /** null for nobody. */
  readonly signedBy?: Signer | null;
  readonly more?: Partial<Manifest>;
}

export interface MadeBackup {
  readonly name: BackupName;
  readonly manifest: Manifest;
  readonly bytes: Uint8Array;
  readonly sha256: string;
  readonly signature: Uint8Array | undefined;
  /** The stored snapshot. */
  readonly data: Uint8Array;
}

/** A backup that is not stored anywhere yet. */
export async function makeBackup(options: BackupOptions = {}): Promise<MadeBackup> {
  const { cluster = CLUSTER, time = EPOCH, lineage = 1, revision = 7n, signedBy = ALICE } = options;
  const name = backupName({ cluster, time, lineage, revision, random: randomName(RANDOM_DIGITS) });
  const data = options.data ?? new TextEncoder().encode(`snapshot ${name.id}`);
  const manifest = manifestOf(name, data, options);
  const bytes = encodeManifest(manifest);
  const signature = signedBy?.sign(bytes);
  return { name, manifest, bytes, sha256: sha256(bytes), signature, data };
}

/** Stores the snapshot and publishes. */
export async function addBackup(
  repository: Repository,
  options: BackupOptions = {},
): Promise<MadeBackup> {
  const made = await makeBackup(options);
  await putBytes(repository, made.manifest.objects[0]!.key, made.data);
  await publish(repository, made, waiting);
  return made;
}

/** So many backups, one an hour, each after the one before. */
export async function addBackups(repository: Repository, count: number): Promise<MadeBackup[]> {
  const made: MadeBackup[] = [];
  for (let at = 0; at < count; at++) {
    const before = made.at(-1);
    const previous = before === undefined ? null : { id: before.name.id, sha256: before.sha256 };
    made.push(
      await addBackup(repository, {
        time: EPOCH + at * HOUR,
        revision: BigInt(100 + at),
        more: { previous },
      }),
    );
  }
  return made;
}

/** Writes an object as it is, whatever it is. */
export async function putBytes(
  { store }: Repository,
  key: string,
  bytes: Uint8Array | string,
): Promise<void> {
  async function* body() {
    yield typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
  }
  await store.put(key, body(), waiting);
}

/** The same repository, whose store refuses to give one object away. */
export function withRefused(repository: Repository, refused: string): Repository {
  const { store } = repository;
  const get: typeof store.get = async function* (key, options) {
    if (key === refused) throw new StoreFailure("store-refused", "no");
    yield* store.get(key, options);
  };
  return { ...repository, store: { ...store, get } };
}

export async function listed(repository: Repository, id: string): Promise<ListedBackup> {
  const { backups } = await listBackups(repository, CLUSTER, waiting);
  const found = backups.find((one) => one.id === id);
  if (found === undefined) throw new Error(`${id} is not listed`);
  return found;
}

/** All keys of a repository but the marker, sorted. */
export async function allKeys({ store }: Repository): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list("", waiting)) if (key !== "holdfast.json") keys.push(key);
  return keys;
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function manifestOf(
  name: BackupName,
  data: Uint8Array,
  { inUse = 4096, suffix = "", objects = [], more = {} }: BackupOptions,
): Manifest {
  return {
    version: 1,
    kind: "holdfast-backup",
    id: name.id,
    cluster: name.cluster,
    lineage: name.lineage,
    time: isoTime(name.time),
    previous: null,
    imported: false,
    tool: "holdfast test",
    source: {
      endpoint: "http://127.0.0.1:2379",
      clusterId: "cdf818194e3a8c32",
      memberId: "8e9e05c52164694d",
      memberName: "m1",
      reason: "a follower, with nothing left to apply",
    },
    etcd: { server: "3.6.1", storage: "3.6.0", cluster: "3.6.0" },
    members: [
      {
        id: "8e9e05c52164694d",
        name: "m1",
        peerURLs: ["http://127.0.0.1:2380"],
        clientURLs: ["http://127.0.0.1:2379"],
        isLearner: false,
      },
    ],
    revision: String(name.revision),
    compactedRevision: "-1",
    statusHash: 0xfe01cf57,
    hashKV: {
      hash: 0xdeadbeef,
      revision: String(name.revision),
      compactRevision: "-1",
      isConfirmed: true,
    },
    txid: "12",
    contents: {
      liveKeys: 3,
      rows: 7,
      tombstones: 1,
      leases: 0,
      dbSize: Math.max(inUse, 8192),
      dbSizeInUse: inUse,
      authEnabled: false,
      alarms: [],
      downgrade: "",
    },
    prefixes: [{ prefix: "/registry/pods", keys: 3, rows: 7, bytes: 200 }],
    findings: [],
    snapshot: { size: 8224, sha256: "0".repeat(64), trailer: "verified" },
    packing: "zstd-seekable",
    sealing: { kind: "none", recipients: [] },
    objects: [
      { role: "snapshot", key: dataKey(name, suffix), size: data.length, sha256: sha256(data) },
      ...objects,
    ],
    durations: { total: 12 },
    ...more,
  };
}

/** Everything that comes, in order. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** A backup of a real snapshot: packed, sealed, and with a manifest that says what is in it. */
export async function addRealBackup(
  repository: Repository,
  options: BackupOptions & {
    readonly snapshot?: Uint8Array;
    readonly recipients?: Recipients;
    readonly report?: string;
  } = {},
): Promise<MadeBackup> {
  const { snapshot = kubernetesSnapshot(), recipients = NO_RECIPIENTS, report, more } = options;
  const facts = snapshotFacts(await reportOf(snapshot));
  const seal = async (bytes: Uint8Array): Promise<Uint8Array> =>
    Buffer.concat(await collect(sealBytes(pack(once(bytes), waiting), recipients, waiting)));
  const objects: ManifestObject[] = [];
  if (report !== undefined) {
    const key = reportKey(
      { cluster: CLUSTER, random: randomName(RANDOM_DIGITS) },
      recipients.suffix,
    );
    const bytes = await seal(new TextEncoder().encode(report));
    await putBytes(repository, key, bytes);
    objects.push({ role: "report", key, size: bytes.length, sha256: sha256(bytes) });
  }
  return addBackup(repository, {
    ...options,
    revision: BigInt(facts.revision),
    data: await seal(snapshot),
    suffix: recipients.suffix,
    objects,
    more: {
      ...facts,
      etcd: { server: "3.6.1", ...facts.etcd },
      hashKV: { ...facts.hashKV, isConfirmed: true },
      sealing: { kind: recipients.kind, recipients: [...recipients.fingerprints] },
      ...more,
    },
  });
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Of the backups that are listed, newest first. */
export async function revisions(repository: Repository): Promise<number[]> {
  const { backups } = await listBackups(repository, CLUSTER, waiting);
  return backups.map(({ revision }) => Number(revision));
}

/** Puts an evidence on record, whatever is true. The key. */
export async function prove(
  repository: Repository,
  made: MadeBackup,
  outcome: Depth | "failed",
  at = 0,
  by = ALICE,
): Promise<string> {
  const backup = await loadBackup(repository, await listed(repository, made.name.id), waiting);
  const depth = outcome === "failed" ? "contents" : outcome;
  const found = {
    outcome,
    depth,
    bytesRead: 1,
    durationMs: 1,
    findings: [],
    tool: "test",
    time: EPOCH + 50 * HOUR + at,
  };
  return recordEvidence(repository, backup, found, { ...waiting, sign: by.sign });
}

/** Makes an object look so old, by the clock of the store. */
export async function age(repository: ScratchRepository, key: string, ms: number): Promise<void> {
  const time = new Date(Date.now() - ms);
  await utimes(repository.file(key), time, time);
}

/** Every listed backup has what its manifest names. */
export async function requireConsistent(repository: Repository): Promise<void> {
  const { backups } = await listBackups(repository, CLUSTER, waiting);
  for await (const { backup, problem } of loadBackups(repository, backups, {
    ...waiting,
    trust: trusting(ALICE),
  })) {
    assert.equal(problem, undefined);
    for (const { key, sha256: wanted } of backup!.manifest.objects) {
      const pieces = await collect(repository.store.get(key, waiting));
      assert.equal(sha256(Buffer.concat(pieces)), wanted, key);
    }
  }
}

/** Whether an error has this code, and a message like this: for `assert.rejects`. */
export function fails(code: ErrorCode, message: RegExp) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof HoldfastError, String(error));
    assert.match(error.message, message);
    return error.code === code;
  };
}
