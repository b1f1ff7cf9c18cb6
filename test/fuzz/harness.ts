/** Feeds inputs to targets, repeatable by their seed, and holds them to what every parser promises. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { HoldfastError } from "../../src/errors.ts";
import { random } from "../support/random.ts";
import { makeInput } from "./mutate.ts";
import { isForCommander } from "./promised.ts";
import { TARGETS } from "./targets.ts";
import type { Target } from "./targets.ts";

export interface FuzzOptions {
  readonly inputs: number;
  readonly seed: number;
  /** One of the targets; all when left out. */
  readonly target?: string | undefined;
  /** Time and memory are held to limits as well: not where other work goes on beside. */
  readonly limits?: boolean;
  readonly onInput?: (done: number) => void;
}

export interface Failure {
  readonly target: string;
  readonly input: Uint8Array;
  readonly reason: string;
  /** Where the input was saved. */
  readonly file: string;
}

const SAVED = fileURLToPath(new URL("../../.cache/fuzz/", import.meta.url));
/** Of the processors, which others may use as well. Generous: what is meant is the input that never ends, or takes memory that its bytes did not pay for. */
const MOST_MS = 500;
const MOST_MS_PER_KIB = 20;
const MOST_BYTES = 96 << 20;
const MOST_BYTES_PER_BYTE = 64;

/** Runs until an input breaks a promise, which is then saved, or until all have been run. */
export async function fuzz(options: FuzzOptions): Promise<Failure | undefined> {
  const { inputs, seed, limits = false } = options;
  const chance = random(seed);
  const targets = TARGETS.filter(
    ({ name }) => options.target === undefined || name === options.target,
  );
  if (targets.length === 0) throw new Error(`there is no target "${options.target}"`);
  const lots = targets.flatMap((target) => Array.from({ length: target.share }, () => target));
  for (let done = 0; done < inputs; done++) {
    const target = chance.pick(lots);
    const input = makeInput(chance, target.corpus);
    const reason = await tryInput(target, input, chance.between(0, 2 ** 31), limits);
    if (reason !== undefined)
      return {
        target: target.name,
        input,
        reason,
        file: await save(target, input, `${seed}-${done}`),
      };
    options.onInput?.(done + 1);
  }
  return undefined;
}

/** Why an input breaks a promise; undefined when it does not. */
export async function tryInput(
  target: Target,
  input: Uint8Array,
  seed: number,
  limits: boolean,
): Promise<string | undefined> {
  const before = { cpu: process.cpuUsage(), bytes: used() };
  try {
    await target.run(input, random(seed));
  } catch (error) {
    const isPromised = error instanceof HoldfastError || isForCommander(error);
    if (!isPromised) return error instanceof Error ? (error.stack ?? String(error)) : String(error);
  }
  if (!limits) return undefined;
  const { user, system } = process.cpuUsage(before.cpu);
  const ms = (user + system) / 1000;
  const bytes = used() - before.bytes;
  if (ms > MOST_MS + (MOST_MS_PER_KIB * input.length) / 1024)
    return `it took ${Math.round(ms)} ms of processor time for ${input.length} bytes`;
  if (bytes > MOST_BYTES + MOST_BYTES_PER_BYTE * input.length)
    return `it took ${bytes} bytes of memory for ${input.length} bytes`;
  return undefined;
}

function used(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

async function save({ name }: Target, input: Uint8Array, suffix: string): Promise<string> {
  await mkdir(SAVED, { recursive: true });
  const file = join(SAVED, `${name.replaceAll(" ", "-")}-${suffix}.bin`);
  await writeFile(file, input);
  return file;
}
