/** Everything here that reads bytes or texts of others, each with what it is to be fed. */
import assert from "node:assert/strict";
import { Option } from "commander";
import { fromGoFlags } from "../../src/cli/arguments.ts";
import { parseDuration } from "../../src/cli/flags/duration.ts";
import { reportDocument } from "../../src/inspect/report-document.ts";
import { reportText } from "../../src/cli/texts/report-text.ts";
import { parseEndpoint } from "../../src/etcd/endpoint.ts";
import { SnapshotDecoder } from "../../src/etcd/snapshot-decoder.ts";
import { freelistCount, freelistFits, freelistId } from "../../src/format/bbolt/freelist.ts";
import { decodeMeta } from "../../src/format/bbolt/meta.ts";
import { patchDatabase } from "../../src/format/bbolt/patch.ts";
import { openDatabase } from "../../src/format/bbolt/reader.ts";
import type { Database, Entry } from "../../src/format/bbolt/reader.ts";
import { bytesText, textBytes } from "../../src/format/bytes.ts";
import { decodeKeyValue } from "../../src/format/mvcc/key-value.ts";
import * as records from "../../src/format/mvcc/records.ts";
import { decodeRevision } from "../../src/format/mvcc/revision.ts";
import { readKeys, readRows, readSpan } from "../../src/format/mvcc/rows.ts";
import { readFields } from "../../src/format/protobuf.ts";
import { inspectStream } from "../../src/inspect/inspect.ts";
import { toJson } from "../../src/io/json.ts";
import { planEdits } from "../../src/restore/edits.ts";
import { planCluster } from "../../src/restore/initial-cluster.ts";
import { applied, readAtOf } from "../support/database.ts";
import { inspected, sourceOf } from "../support/inspected.ts";
import type { Random } from "../support/random.ts";
import { hashOfRows, statusOf } from "../support/store.ts";
import { FREELISTS, MESSAGES, SNAPSHOT_BODIES, SNAPSHOTS, TEXTS } from "./corpus.ts";
import { ignoringOurs, ignoringOursLater } from "./promised.ts";
import { REPOSITORY_TARGETS } from "./repository-targets.ts";

export interface Target {
  readonly name: string;
  readonly corpus: readonly Uint8Array[];
  /** Of 100 inputs, about so many: what costs little is tried more often. */
  readonly share: number;
  /** Ends, or throws a HoldfastError: the harness sees to that. */
  run(input: Uint8Array, chance: Random): Promise<void> | void;
}

const MEMBER = { id: 7n, name: "m1", peerURLs: ["http://localhost:2380"] };
const EVERYTHING_ABOUT_A_FILE = new Set([
  "trailer-mismatch",
  "no-trailer",
  "length",
  "meta-torn",
  "meta-header",
]);

export const TARGETS: readonly Target[] = [
  {
    name: "inspector",
    corpus: SNAPSHOTS,
    share: 30,
    async run(input, chance) {
      const { report, hashKV } = await inspected(input);
      ignoringOurs(() => hashKV(report.revision - 1n));
      ignoringOurs(() => hashKV(0n));
      reportText("fuzz", report);
      toJson(reportDocument("fuzz", report));
      if (chance.between(0, 9) > 0) return;
      const again = await inspectStream(sourceOf(input, () => chance.between(1, 5000)));
      assert.deepEqual(again.report, report, "the same bytes in other pieces");
    },
  },
  {
    name: "inspector against reader",
    corpus: SNAPSHOTS,
    share: 10,
    async run(input) {
      const { report } = await inspected(input);
      if (
        report.findings.some(
          ({ code, severity }) => severity === "error" && !EVERYTHING_ABOUT_A_FILE.has(code),
        )
      )
        return;
      // What has no errors can be read, and is what the plain way says it is.
      const database = openDatabase(readAtOf(input), report.dbSize);
      const buckets = new Map<string, Entry[]>();
      for (const name of database.bucketNames())
        buckets.set(bytesText(name), [...(database.bucket(bytesText(name))?.entries() ?? [])]);
      if (report.findings.some(({ code }) => code === "not-examined" || code === "bucket-unknown"))
        return;
      const { totalSize: _, ...status } = report.status;
      assert.deepEqual(status, { ...statusOf(buckets), version: status.version });
      const hash = hashOfRows(buckets.get("key") ?? [], report.revision, report.compactRevision);
      assert.equal(report.hashKV.hash, hash);
    },
  },
  {
    name: "bbolt reader",
    corpus: SNAPSHOTS,
    share: 10,
    run(input) {
      const database = openDatabase(readAtOf(input), input.length);
      for (const name of database.bucketNames()) {
        const bucket = database.bucket(bytesText(name));
        ignoringOurs(() => {
          let last: Uint8Array | undefined;
          for (const { key } of bucket?.entries() ?? []) last = key;
          if (last !== undefined) bucket!.get(last);
        });
        ignoringOurs(() => bucket?.lastKey());
      }
    },
  },
  {
    name: "rows and keys",
    corpus: SNAPSHOTS,
    share: 10,
    run(input) {
      const database = openDatabase(readAtOf(input), input.length);
      ignoringOurs(() => readSpan(database));
      ignoringOurs(() => drain(readRows(database, 5n)));
      ignoringOurs(() => drain(readKeys(database)));
    },
  },
  {
    name: "restore edits",
    corpus: SNAPSHOTS,
    share: 10,
    run(input, chance) {
      const database = openDatabase(readAtOf(input), input.length);
      const target = chance.pick([undefined, "3.4", "3.6"] as const);
      const edits = planEdits(database, {
        members: [MEMBER],
        bump: chance.pick([0n, 1_000_000_000n]),
        target,
        drop: chance.pick([[], ["alarms", "downgrade"]] as const),
      });
      const size = database.meta.pages * database.meta.pageSize;
      const patched = patchDatabase(readAtOf(input), size, edits);
      assertMembers(
        openDatabase(readAtOf(applied(input, patched.writes, patched.size)), patched.size),
      );
    },
  },
  {
    name: "meta and freelist pages",
    corpus: [...FREELISTS, ...SNAPSHOTS.map((snapshot) => snapshot.slice(0, 2048))],
    share: 5,
    run(input) {
      for (let base = 0; base + 24 <= Math.min(input.length, 4096); base += 512) {
        decodeMeta(input, base);
        if (!freelistFits(input, base, input.length - base)) continue;
        for (let i = 0, count = freelistCount(input, base); i < count; i++)
          freelistId(input, base, i);
      }
    },
  },
  {
    name: "messages and records",
    corpus: MESSAGES,
    share: 10,
    run(input) {
      for (const decode of [
        decodeKeyValue,
        decodeRevision,
        (bytes: Uint8Array) => drain(readFields(bytes)),
        records.decodeAlarm,
        records.decodeCompactionMark,
        records.decodeDowngrade,
        records.decodeLeaseId,
        records.decodeMember,
        records.decodeNumber,
        records.decodeUserRoles,
        records.isRole,
        records.isMemberKey,
      ])
        ignoringOurs(() => decode(input));
    },
  },
  {
    name: "snapshot stream",
    corpus: SNAPSHOT_BODIES,
    share: 10,
    run(input, chance) {
      const decoder = new SnapshotDecoder();
      const body = Buffer.from(input);
      for (let at = 0; at < body.length;) {
        decoder.into(new Uint8Array(chance.between(1, 5000)));
        at += decoder.take(body.subarray(at, at + chance.between(1, 3000)));
      }
      decoder.end();
    },
  },
  {
    name: "texts",
    corpus: TEXTS,
    share: 5,
    async run(input) {
      const text = bytesText(input);
      const flags = { name: "m1", initialClusterToken: text, initialAdvertisePeerURLs: text };
      await ignoringOursLater(() =>
        planCluster({ ...flags, initialCluster: text }, async (host) => host),
      );
      const advertised = "http://localhost:2380";
      await ignoringOursLater(() =>
        planCluster(
          { ...flags, initialCluster: text, initialAdvertisePeerURLs: advertised },
          async (host) => host,
        ),
      );
      ignoringOurs(() => parseEndpoint(text));
      ignoringOurs(() => parseDuration(text));
      const options = [new Option("--skip-hash-check"), new Option("-w, --write-out <mode>")];
      ignoringOurs(() => fromGoFlags(text.split(" "), options));
    },
  },
  ...REPOSITORY_TARGETS,
];

function drain(items: Iterable<unknown>): void {
  for (const _ of items);
}

function assertMembers(database: Database): void {
  const members = [...(database.bucket("members")?.entries() ?? [])];
  assert.deepEqual(
    members.map(({ key }) => bytesText(key)),
    ["7"],
  );
  assert.equal(database.bucket("members_removed")?.get(textBytes("7")), undefined);
}
