/** A bounded run of the fuzzer; any number by hand: `npm run fuzz -- --inputs N`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HoldfastError } from "../src/errors.ts";
import { fuzz, tryInput } from "./fuzz/harness.ts";
import { TARGETS } from "./fuzz/targets.ts";

const SEED = Number(process.env["SEED"] ?? 20261124);
const INPUTS = 3000;

test(`${INPUTS} inputs end in a value or an error of ours (seed ${SEED})`, async () => {
  const failure = await fuzz({ inputs: INPUTS, seed: SEED });
  assert.equal(
    failure && `${failure.target}: ${failure.reason}\nsaved as ${failure.file}`,
    undefined,
  );
});

test("every input of the corpus is taken as it is", async () => {
  for (const target of TARGETS)
    for (const input of target.corpus)
      assert.equal(await tryInput(target, input, SEED, false), undefined);
});

test("a broken promise is seen, an error of ours is none", async () => {
  const target = (run: () => void) => ({ name: "made up", corpus: [], share: 1, run });
  const tried = (run: () => void) => tryInput(target(run), new Uint8Array(1), 1, false);
  assert.match((await tried(() => new Uint8Array(-1))) ?? "", /RangeError/);
  assert.match((await tried(() => (undefined as unknown as { a: number }).a)) ?? "", /TypeError/);
  assert.equal(
    await tried(() => {
      throw new HoldfastError("snapshot-damaged", "as promised");
    }),
    undefined,
  );
});
