import assert from "node:assert/strict";
import { test } from "node:test";
import {
  applied,
  contentsOf,
  databaseOf,
  readAtOf,
  type Buckets,
} from "../../test/support/database.ts";
import type { HoldfastError } from "../errors.ts";
import { patchDatabase } from "../format/bbolt/patch.ts";
import { openDatabase } from "../format/bbolt/reader.ts";
import { compareBytes, textBytes, toHex, u64beBytes } from "../format/bytes.ts";
import { encodeRevision } from "../format/mvcc/revision.ts";
import { planEdits, type EditRequest } from "./edits.ts";

const MEMBERS = [
  { id: 0x1an, name: "b", peerURLs: ["http://b:2380"] },
  { id: 0x8e9e05c52164694dn, name: "a", peerURLs: ["http://a:2380"] },
];
const PLAIN: EditRequest = { members: MEMBERS, bump: 0n, target: undefined, drop: [] };

function bucket(rows: Record<string, string | Uint8Array>) {
  return Object.entries(rows)
    .map(([key, value]) => ({
      key: textBytes(key),
      value: typeof value === "string" ? textBytes(value) : value,
    }))
    .toSorted((a, b) => compareBytes(a.key, b.key));
}

const row = (main: bigint, sub = 0n) => encodeRevision({ main, sub });

/** A store of etcd 3.6 at revision 7, with an old member, a removed one and a downgrade under way. */
function source(): Buckets {
  return new Map([
    ["alarm", [{ key: Uint8Array.of(8, 1, 16, 1), value: new Uint8Array(0) }]],
    [
      "cluster",
      bucket({ clusterVersion: "3.6.0", downgrade: '{"target-version":"3.5.0","enabled":true}' }),
    ],
    ["key", [5n, 6n, 7n].map((main) => ({ key: row(main), value: textBytes(String(main)) }))],
    ["lease", []],
    ["members", bucket({ deadbeef: "{}" })],
    ["members_removed", bucket({ cafe: "removed" })],
    [
      "meta",
      [
        ...bucket({
          confState: '{"voters":[3735928559],"auto_leave":false}',
          consistent_index: u64beBytes(123456n),
          finishedCompactRev: row(4n),
          scheduledCompactRev: row(4n),
          storageVersion: "3.6.0",
          term: u64beBytes(9n),
        }),
        { key: Uint8Array.of(0xff, 0xfe), value: textBytes("not text") },
      ],
    ],
  ]);
}

/** Bucket contents after the edits, by text where the key is text. */
function edit(buckets: Buckets, request: EditRequest) {
  const file = databaseOf(buckets, { pageSize: 4096 });
  const readAt = readAtOf(file);
  const edits = planEdits(openDatabase(readAt, file.length), request);
  const { writes, size } = patchDatabase(readAt, file.length, edits);
  const contents = contentsOf(applied(file, writes, size));
  return (name: string) =>
    Object.fromEntries(
      contents[name]!.map(([key, value]) => [Buffer.from(key, "hex").toString("latin1"), value]),
    );
}

const hex = (text: string) => toHex(textBytes(text));
const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

test("the members are the new ones and raft begins anew; nobody else's rows change", () => {
  const after = edit(source(), PLAIN);
  assert.deepEqual(after("members"), {
    "1a": hex('{"id":26,"peerURLs":["http://b:2380"],"name":"b"}'),
    "8e9e05c52164694d": hex('{"id":10276657743932975437,"peerURLs":["http://a:2380"],"name":"a"}'),
  });
  assert.deepEqual(after("members_removed"), {});
  assert.deepEqual(after("meta"), {
    confState: hex('{"voters":[26,10276657743932975437],"auto_leave":false}'),
    consistent_index: "0000000000000002",
    finishedCompactRev: toHex(row(4n)),
    scheduledCompactRev: toHex(row(4n)),
    storageVersion: hex("3.6.0"),
    term: "0000000000000001",
    "\u00ff\u00fe": hex("not text"),
  });
  for (const [name, entries] of source()) {
    if (["members", "members_removed", "meta"].includes(name)) continue;
    assert.deepEqual(
      after(name),
      Object.fromEntries(entries.map(({ key, value }) => [latin1(key), toHex(value)])),
    );
  }
});

test("all ten buckets exist afterwards, whatever was missing", () => {
  const after = edit(new Map(), PLAIN);
  for (const name of ["alarm", "auth", "authRoles", "authUsers", "cluster", "key", "lease"])
    assert.deepEqual(after(name), {}, name);
  assert.equal(Object.keys(after("members")).length, 2);
  assert.deepEqual(Object.keys(after("meta")), ["confState", "consistent_index", "term"]);
});

test("a bump adds one empty row above the last, and marks that revision compacted", () => {
  const after = edit(source(), { ...PLAIN, bump: 1000n });
  assert.deepEqual(Object.entries(after("key")).at(-1), [latin1(row(1007n)), ""]);
  assert.equal(Object.keys(after("key")).length, 4);
  assert.equal(after("meta")["scheduledCompactRev"], toHex(row(1007n)));
  assert.equal(after("meta")["finishedCompactRev"], toHex(row(4n)));
});

test("a bump counts from a compaction above the last row, and from 0 in an empty store", () => {
  const compacted = source().set("meta", bucket({ scheduledCompactRev: row(40n) }));
  assert.equal(
    edit(compacted, { ...PLAIN, bump: 3n })("meta")["scheduledCompactRev"],
    toHex(row(43n)),
  );
  const finished = source().set("meta", bucket({ finishedCompactRev: row(50n) }));
  assert.equal(
    edit(finished, { ...PLAIN, bump: 3n })("meta")["scheduledCompactRev"],
    toHex(row(53n)),
  );
  const tombstone = source().set("key", [
    { key: Uint8Array.of(...row(9n), 0x74), value: new Uint8Array(0) },
  ]);
  assert.deepEqual(
    Object.keys(edit(tombstone, { ...PLAIN, bump: 3n })("key")).at(-1),
    latin1(row(12n)),
  );
  assert.deepEqual(Object.keys(edit(new Map(), { ...PLAIN, bump: 3n })("key")), [latin1(row(3n))]);
});

test("a bump beyond 63 bits is refused", () => {
  const request = { ...PLAIN, bump: (1n << 63n) - 7n };
  assert.throws(
    () => edit(source(), request),
    /^HoldfastError: --bump-revision .* beyond 63 bits$/,
  );
  assert.equal(
    edit(source(), { ...PLAIN, bump: (1n << 63n) - 8n })("meta")["scheduledCompactRev"],
    toHex(row((1n << 63n) - 1n)),
  );
});

test("a target version takes out what older members stop at, and every downgrade under way", () => {
  const cases: [target: EditRequest["target"], stored: string, cluster: string[]][] = [
    [undefined, "3.6.0", ["clusterVersion", "downgrade"]],
    ["3.7", "3.6.0", ["clusterVersion"]],
    ["3.6", "3.6.0", ["clusterVersion"]],
    ["3.5", "", []],
    ["3.4", "", []],
  ];
  for (const [target, stored, cluster] of cases) {
    const after = edit(source(), { ...PLAIN, target });
    assert.equal(after("meta")["storageVersion"] ?? "", hex(stored), target);
    assert.deepEqual(Object.keys(after("cluster")), cluster, target);
  }
});

test("a stale storage version counts as much as the cluster version", () => {
  const stale = source()
    .set("cluster", bucket({ clusterVersion: "3.5.0" }))
    .set("meta", bucket({ storageVersion: "3.7.0" }));
  const after = edit(stale, { ...PLAIN, target: "3.6" });
  assert.equal(after("meta")["storageVersion"], undefined);
  assert.deepEqual(after("cluster"), {});
});

test("a target version for a snapshot newer than all that is known is refused", () => {
  const newer = source().set("meta", bucket({ storageVersion: "3.8.0" }));
  assert.throws(
    () => edit(newer, { ...PLAIN, target: "3.7" }),
    (error: HoldfastError) => {
      assert.match(error.message, /^cannot prepare the snapshot for etcd 3\.7: .* by etcd 3\.8/);
      return error.code === "target-version" && error.exitStatus === 13;
    },
  );
  const garbage = source().set("cluster", bucket({ clusterVersion: "abc" }));
  assert.deepEqual(edit(garbage, { ...PLAIN, target: "3.7" })("cluster"), {});
});

test("alarms and a downgrade go when they are to be dropped, each by itself", () => {
  const asIs = edit(source(), PLAIN);
  const all = ["alarm", "cluster", "key", "lease", "members", "meta"] as const;
  for (const [drop, name, left] of [
    ["alarms", "alarm", {}],
    ["downgrade", "cluster", { clusterVersion: hex("3.6.0") }],
  ] as const) {
    const after = edit(source(), { ...PLAIN, drop: [drop] });
    assert.deepEqual(after(name), left);
    for (const other of all.filter((one) => one !== name))
      assert.deepEqual(after(other), asIs(other), other);
  }
});
