/**
 * Fuzzes every parser by hand: `npm run fuzz -- --inputs N [--seed S] [--target NAME]`, and `--input FILE --target NAME`
 * for one that failed before. Ends with status 1 at the first failure, whose input it saves.
 */
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { fuzz, tryInput } from "./harness.ts";
import { TARGETS } from "./targets.ts";

const { values } = parseArgs({
  options: {
    inputs: { type: "string", default: "10000" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    target: { type: "string" },
    input: { type: "string" },
  },
});

async function one(file: string): Promise<void> {
  const target = TARGETS.find(({ name }) => name === values.target);
  if (target === undefined)
    throw new Error(`--input needs a --target: ${TARGETS.map(({ name }) => name).join(", ")}`);
  const reason = await tryInput(target, await readFile(file), 0, true);
  console.log(reason ?? "it keeps every promise");
  if (reason !== undefined) process.exitCode = 1;
}

async function many(inputs: number, seed: number): Promise<void> {
  console.log(`${inputs} inputs, seed ${seed}`);
  const every = Math.max(1, Math.floor(inputs / 20));
  const failure = await fuzz({
    inputs,
    seed,
    target: values.target,
    limits: true,
    onInput: (done) => {
      if (done % every === 0) console.log(`${done} done`);
    },
  });
  if (failure === undefined) return;
  console.error(`${failure.target}: ${failure.reason}\nsaved as ${failure.file} (seed ${seed})`);
  process.exitCode = 1;
}

await (values.input === undefined
  ? many(Number(values.inputs), Number(values.seed))
  : one(values.input));
