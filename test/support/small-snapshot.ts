/** Snapshots of a few rows, made with our writer: history that follows from itself, so that nothing is found in them. */
import { createHash } from "node:crypto";
import type { Entry } from "../../src/format/bbolt/reader.ts";
import { concatBytes, textBytes, u64beBytes } from "../../src/format/bytes.ts";
import { encodeRevision, TOMBSTONE_MARK } from "../../src/format/mvcc/revision.ts";
import { bytesField, varintField } from "../../src/format/protobuf.ts";
import { databaseOf } from "./database.ts";
import type { Buckets } from "./database.ts";

/** A put, or without a value a deletion. */
export interface Change {
  readonly key: string;
  readonly value?: string;
  readonly lease?: bigint;
}

interface Generation {
  readonly created: bigint;
  readonly version: bigint;
}

/** The rows of transactions, the first of which has revision 2, as in a new cluster. */
export function rowsOf(transactions: readonly (readonly Change[])[]): Entry[] {
  const generations = new Map<string, Generation>();
  return transactions.flatMap((changes, i) =>
    changes.map((change, sub) => rowOf(change, BigInt(i + 2), BigInt(sub), generations)),
  );
}

function rowOf(
  { key, value, lease = 0n }: Change,
  main: bigint,
  sub: bigint,
  generations: Map<string, Generation>,
): Entry {
  const revision = encodeRevision({ main, sub });
  if (value === undefined) {
    generations.delete(key);
    return {
      key: concatBytes([revision, Uint8Array.of(TOMBSTONE_MARK)]),
      value: bytesField(1, textBytes(key)),
    };
  }
  const { created, version } = generations.get(key) ?? { created: main, version: 0n };
  generations.set(key, { created, version: version + 1n });
  const fields = [
    bytesField(1, textBytes(key)),
    varintField(2, created),
    varintField(3, main),
    varintField(4, version + 1n),
    bytesField(5, textBytes(value)),
  ];
  if (lease !== 0n) fields.push(varintField(6, lease));
  return { key: revision, value: concatBytes(fields) };
}

/** A backend with these rows in the key bucket and every other bucket that a server has. */
export function backendOf(
  rows: Entry[],
  more: { meta?: Entry[]; lease?: Entry[] } = {},
): Uint8Array<ArrayBuffer> {
  const names = ["alarm", "auth", "authRoles", "authUsers", "cluster", "members"];
  const buckets: Buckets = new Map([...names, "members_removed"].map((name) => [name, []]));
  buckets.set("key", rows);
  buckets.set("lease", more.lease ?? []);
  buckets.set("meta", more.meta ?? []);
  return databaseOf(buckets, { pageSize: 4096 });
}

/** The row of a lease that lasts an hour. */
export function leaseOf(id: bigint): Entry {
  return { key: u64beBytes(id), value: concatBytes([varintField(1, id), varintField(2, 3600)]) };
}

/** As it comes over the wire: with its SHA-256 behind it. */
export function withTrailer(backend: Uint8Array): Uint8Array {
  return concatBytes([backend, createHash("sha256").update(backend).digest()]);
}

/** What the examples are run on: seven revisions of a very small Kubernetes. */
export function kubernetesSnapshot(): Uint8Array {
  const pod = (name: string) => `/registry/pods/shop/${name}`;
  const rows = rowsOf([
    [
      { key: "/registry/namespaces/shop", value: '{"kind":"Namespace"}' },
      { key: pod("web-0"), value: '{"phase":"Pending"}' },
    ],
    [{ key: pod("web-0"), value: '{"phase":"Running"}' }],
    [{ key: pod("web-1"), value: '{"phase":"Running"}' }],
    [{ key: "/registry/events/shop/web-1.started", value: '{"kind":"Event"}', lease: 7n }],
    [{ key: pod("web-1") }],
    [{ key: "/registry/secrets/shop/key", value: '{"kind":"Secret"}' }],
    [{ key: pod("web-0"), value: '{"phase":"Succeeded"}' }],
  ]);
  return withTrailer(backendOf(rows, { lease: [leaseOf(7n)] }));
}
