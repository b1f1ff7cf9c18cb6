/** The cells of one etcd version as tests: a line for each snapshot and for each cluster restored from it. */
import { describe, test } from "node:test";
import type { EtcdLine } from "../support/etcd.ts";
import { scratch } from "../support/scratch.ts";
import { cellsOf, restoreName, sourceName } from "./cells.ts";
import type { Cell } from "./cells.ts";
import { restoreCluster } from "./restored.ts";
import { saveSnapshot } from "./saved.ts";
import { assertServed } from "./served.ts";
import { startSource } from "./source.ts";

/** A cell that hangs is told by its name: for its snapshot, and for each restore of it. */
const STEP_WITHIN_MS = 120_000;

/** Most of a cell's time is spent waiting for elections and disks: three keep two cores busy. */
const CELLS_AT_ONCE = 3;

/** Runs the cells whose snapshots come from this version. */
export function runMatrix(line: EtcdLine): void {
  describe(`snapshots of ${line}`, { concurrency: CELLS_AT_ONCE }, () => {
    for (const cell of cellsOf(line)) {
      const options = { timeout: (1 + cell.restores.length) * STEP_WITHIN_MS };
      test(sourceName(cell.source), options, (context) => runCell(cell, context));
    }
  });
}

async function runCell({ source, restores }: Cell, context: test.TestContext): Promise<void> {
  await using folder = await scratch();
  await using from = await startSource(source);
  const saved = await saveSnapshot(source, from, folder);
  const { cluster } = from;
  for (const member of cluster.members) await member.stop("SIGKILL");
  for (const restore of restores)
    await context.test(restoreName(restore), async () => {
      await using restored = await restoreCluster(saved, restore, cluster);
      await assertServed(source, saved, restore, restored);
    });
}
