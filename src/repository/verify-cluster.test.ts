import assert from "node:assert/strict";
import { test } from "node:test";
import {
  addBackups,
  ALICE,
  CLUSTER,
  scratchRepository,
  trusting,
  waiting,
  withRefused,
} from "../../test/support/repository.ts";
import { manifestKey } from "./layout.ts";
import { objectOf } from "./manifest.ts";
import { verifyCluster } from "./verify-cluster.ts";

test("what the store does not give away is not proven, no damage on record, and the others are verified", async () => {
  await using repository = await scratchRepository();
  const [one] = await addBackups(repository, 2);
  for (const key of [manifestKey(one!.name), objectOf(one!.manifest, "snapshot").key]) {
    const { verdicts } = await verifyCluster(withRefused(repository, key), {
      ...waiting,
      cluster: CLUSTER,
      targets: [],
      trust: trusting(ALICE),
      depth: "stored",
      subset: undefined,
      identities: undefined,
      sign: ALICE.sign,
      tool: "test",
      progress: () => {},
    });
    assert.deepEqual(
      verdicts.map(({ faults, evidence }) => [
        faults.map(({ code }) => code),
        evidence === undefined,
      ]),
      [
        [[], false],
        [["store-refused"], true],
      ],
    );
  }
});
