/** Restored data dirs on real servers: they boot, and what they serve is what the snapshot held. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { runCommand } from "./support/cli.ts";
import { connect } from "./support/client.ts";
import { ETCD_LINES, bootCluster, etcdBinaries, freeURLs } from "./support/etcd.ts";
import type { EtcdLine } from "./support/etcd.ts";
import { run } from "./support/program.ts";
import { assertLives, assertRestored, restoreAndBoot, snapshotsOf } from "./support/restored.ts";
import type { TakenSnapshot } from "./support/restored.ts";
import { scratch } from "./support/scratch.ts";
import type { Scratch } from "./support/scratch.ts";

let folder: Scratch;
let snapshots: ReadonlyMap<EtcdLine, TakenSnapshot>;
before(async () => {
  folder = await scratch();
  snapshots = await snapshotsOf(ETCD_LINES, folder);
});
after(() => folder[Symbol.asyncDispose]());

const minor = (line: EtcdLine) => Number(line.slice(2));

for (const source of ETCD_LINES) {
  for (const line of ETCD_LINES.filter((one) => minor(one) >= minor(source))) {
    test(`a snapshot of ${source} on one member of ${line}`, async () => {
      const snapshot = snapshots.get(source)!;
      await using cluster = await restoreAndBoot({ snapshot: snapshot.file, line });
      await assertRestored(cluster, snapshot);
      await assertLives(cluster, snapshot.hash.revision);
    });
  }
}

for (const [source, line] of [
  ["3.4", "3.4"],
  ["3.5", "3.6"],
  ["3.4", "3.7"],
] as const) {
  test(`a snapshot of ${source} on three members of ${line}`, async () => {
    const snapshot = snapshots.get(source)!;
    await using cluster = await restoreAndBoot({ snapshot: snapshot.file, line, members: 3 });
    await assertRestored(cluster, snapshot);
    await assertLives(cluster, snapshot.hash.revision);
  });
}

for (const [source, line] of [
  ["3.7", "3.6"],
  ["3.7", "3.5"],
  ["3.6", "3.5"],
  ["3.6", "3.4"],
  ["3.5", "3.4"],
] as const) {
  test(`a snapshot of ${source} on the older ${line}, with --target-version`, async () => {
    const snapshot = snapshots.get(source)!;
    const flags = [`--target-version=${line}`];
    await using cluster = await restoreAndBoot({ snapshot: snapshot.file, line, flags });
    await assertRestored(cluster, snapshot);
    await assertLives(cluster, snapshot.hash.revision);
  });
}

test("without --target-version 3.6 refuses a snapshot of 3.7: that is what the flag is for", async () => {
  const { etcd } = await etcdBinaries("3.6");
  const dataDir = folder.file("not-for-3.6");
  const args = ["snapshot", "restore", snapshots.get("3.7")!.file, `--data-dir=${dataDir}`];
  assert.equal((await runCommand(args)).status, 0);
  const [clientURL, peerURL] = await freeURLs(2);
  const { status, stderr } = await run(etcd, [
    `--data-dir=${dataDir}`,
    `--listen-client-urls=${clientURL}`,
    `--advertise-client-urls=${clientURL}`,
    `--listen-peer-urls=${peerURL}`,
  ]);
  assert.notEqual(status, 0);
  assert.match(stderr, /version \\?"3\.7\.0\\?" is not supported/);
});

test("restored for 3.5, a snapshot of 3.7 can be upgraded to 3.6 later", async () => {
  const snapshot = snapshots.get("3.7")!.file;
  const flags = ["--target-version=3.5"];
  await using old = await restoreAndBoot({ snapshot, line: "3.5", flags });
  for (const member of old.members) await member.stop();
  await using upgraded = await bootCluster({ line: "3.6", members: old.members });
  using client = await connect(upgraded.endpoints[0]!);
  assert.match((await client.status()).version, /^3\.6\./);
});
