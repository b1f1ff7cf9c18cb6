/**
 * The buckets of an etcd that a Kubernetes control plane has used for a while: a compacted past, in which each key
 * has the one row that is left, and above it some minutes of creations, updates and deletions.
 */
import type { BucketSource } from "../src/format/bbolt/writer.ts";
import type { Entry } from "../src/format/bbolt/reader.ts";
import { compareBytes, concatBytes, textBytes, u64beBytes } from "../src/format/bytes.ts";
import { memberJSON } from "../src/format/cluster/member.ts";
import { encodeRevision, TOMBSTONE_MARK } from "../src/format/mvcc/revision.ts";
import { bytesField, varintField } from "../src/format/protobuf.ts";
import { random, type Random } from "../test/support/random.ts";
import { objectKey, objectValue, usesLease } from "./objects.ts";

/** Share of all rows that the compaction left; the others came after it. */
const COMPACTED = 0.77;
/** Of a hundred changes after the compaction; the rest create. With COMPACTED, about every fifth key is updated. */
const UPDATES = 80;
const DELETIONS = 8;
/** Keys on one lease: an API server puts the events of a minute on the same one. */
const KEYS_PER_LEASE = 1000;
/** Far longer than a benchmark: no key of the running server may expire during it. */
const LEASE_TTL_SECONDS = 30 * 24 * 3600;
const MEMBER = {
  id: 0x8e9e05c52164694dn,
  name: "default",
  peerURLs: ["http://localhost:2380"],
};

/** All buckets, to be read once and in this order: what is in the later ones comes from the rows of the earlier. */
export function kubernetesBuckets(rows: number, seed: number): BucketSource[] {
  const history = new History(rows, random(seed));
  const { id } = MEMBER;
  return [
    bucket("alarm"),
    bucket("auth"),
    bucket("authRoles"),
    bucket("authUsers"),
    bucket("cluster", [entry("clusterVersion", textBytes("3.6.0"))]),
    { name: "key", entries: history.rows() },
    { name: "lease", entries: lazily(() => history.leases()) },
    bucket("members", [entry(id.toString(16), textBytes(memberJSON(MEMBER)))]),
    bucket("members_removed"),
    { name: "meta", entries: lazily(() => history.meta(id)) },
  ];
}

function bucket(name: string, entries: readonly Entry[] = []): BucketSource {
  return { name, entries };
}

function entry(key: string, value: Uint8Array): Entry {
  return { key: textBytes(key), value };
}

function* lazily(entries: () => Iterable<Entry>): Generator<Entry> {
  yield* entries();
}

class History {
  readonly #rows: number;
  readonly #chance: Random;
  readonly #leases: bigint[] = [];
  /** By key: the revision that created it, 0 while it is deleted, and how often it was written since. */
  readonly #created: Int32Array;
  readonly #version: Int32Array;
  #keys = 0;
  #revision = 1;
  #compacted = 1;

  constructor(rows: number, chance: Random) {
    this.#rows = rows;
    this.#chance = chance;
    this.#created = new Int32Array(rows);
    this.#version = new Int32Array(rows);
  }

  *rows(): Generator<Entry> {
    const compacted = Math.floor(this.#rows * COMPACTED);
    for (let i = 0; i < compacted; i++) yield this.#remaining();
    this.#compacted = this.#revision;
    for (let i = compacted; i < this.#rows; i++) yield this.#change();
  }

  /** The last row of a key: where older ones of it were compacted away, they were in the gap before. */
  #remaining(): Entry {
    const key = this.#keys++;
    const gap = this.#chance.between(0, 2) === 0 ? this.#chance.between(1, 8) : 0;
    this.#created[key] = this.#revision + 1;
    this.#version[key] = 1 + gap;
    this.#revision += 1 + gap;
    return this.#put(key);
  }

  #change(): Entry {
    this.#revision++;
    const roll = this.#chance.between(1, 100);
    if (roll > UPDATES + DELETIONS) return this.#write(this.#keys++);
    const key = this.#chance.between(0, this.#keys - 1);
    const isLive = this.#created[key] !== 0;
    return roll > UPDATES && isLive ? this.#delete(key) : this.#write(key);
  }

  #write(key: number): Entry {
    if (this.#created[key] === 0) this.#created[key] = this.#revision;
    this.#version[key]!++;
    return this.#put(key);
  }

  #put(key: number): Entry {
    const value = concatBytes([
      bytesField(1, textBytes(objectKey(key))),
      varintField(2, this.#created[key]!),
      varintField(3, this.#revision),
      varintField(4, this.#version[key]!),
      bytesField(5, objectValue(key, this.#chance)),
      usesLease(key) ? varintField(6, this.#lease(key)) : new Uint8Array(0),
    ]);
    return { key: this.#revisionKey(), value };
  }

  #delete(key: number): Entry {
    this.#created[key] = this.#version[key] = 0;
    const mark = Uint8Array.of(TOMBSTONE_MARK);
    const value = bytesField(1, textBytes(objectKey(key)));
    return { key: concatBytes([this.#revisionKey(), mark]), value };
  }

  #revisionKey(): Uint8Array {
    return encodeRevision({ main: BigInt(this.#revision), sub: 0n });
  }

  #lease(key: number): bigint {
    const index = Math.floor(key / KEYS_PER_LEASE);
    while (this.#leases.length <= index) {
      const high = BigInt(this.#chance.between(1, 0x7fffffff));
      this.#leases.push((high << 32n) | BigInt(this.#leases.length));
    }
    return this.#leases[index]!;
  }

  leases(): Entry[] {
    const ttl = varintField(2, LEASE_TTL_SECONDS);
    const entries = this.#leases.map((id) => ({
      key: u64beBytes(id),
      value: concatBytes([varintField(1, id), ttl]),
    }));
    return entries.toSorted((a, b) => compareBytes(a.key, b.key));
  }

  meta(memberId: bigint): Entry[] {
    const compacted = encodeRevision({ main: BigInt(this.#compacted), sub: 0n });
    const confState = `{"voters":[${memberId}],"auto_leave":false}`;
    return [
      entry("confState", textBytes(confState)),
      entry("consistent_index", u64beBytes(BigInt(this.#revision + 10))),
      entry("finishedCompactRev", compacted),
      entry("scheduledCompactRev", compacted),
      entry("storageVersion", textBytes("3.6.0")),
      entry("term", u64beBytes(2n)),
    ];
  }
}
