/** What `holdfast store check` does: everything that a repository will ask of a store, with objects of its own. */
import { HoldfastError, type ErrorCode } from "../errors.ts";
import { randomName } from "../io/random.ts";
import { Caution, TRIALS, type Bench, type Measures, type Trial } from "./check-trials.ts";
import { createLastWait } from "./last-wait.ts";
import type { Store } from "./store.ts";

export type Outcome = "ok" | "failed" | "warning" | "skipped";

/** One thing that was tried. */
export interface CheckStep {
  readonly name: string;
  readonly outcome: Outcome;
  /** A sentence: what was seen, or why it failed. */
  readonly message: string;
  /** Of a failure. */
  readonly code?: ErrorCode;
  readonly hint?: string;
}

export interface Check extends Measures {
  /** Nothing failed; there may be warnings. */
  readonly ok: boolean;
  readonly steps: readonly CheckStep[];
}

export interface CheckOptions {
  /** Of the object that is measured. */
  readonly bytes: number;
  readonly signal: AbortSignal;
  /** Told when a step is done. */
  readonly onStep?: (step: CheckStep) => void;
}

/**
 * Tries one thing after the other; what cannot work because something before it failed is skipped. Only objects under a
 * new name of its own are touched, and they are removed again, also when it is aborted. Throws only the signal's reason.
 */
export async function checkStore(store: Store, options: CheckOptions): Promise<Check> {
  const folder = `holdfast-check-${randomName(12)}`;
  const { signal, bytes } = options;
  const bench: Bench = {
    store,
    signal,
    bytes,
    folder,
    small: `${folder}/small`,
    large: `${folder}/large`,
    written: new Set(),
    measures: {
      capabilities: undefined,
      latencyMs: undefined,
      uploadBytesPerSecond: undefined,
      downloadBytesPerSecond: undefined,
      clockAheadSeconds: undefined,
    },
  };
  const steps: CheckStep[] = [];
  try {
    for (const trial of TRIALS) {
      const step = await attempt(trial, steps, bench);
      steps.push(step);
      options.onStep?.(step);
    }
  } finally {
    await tidy(bench);
  }
  return { ok: !steps.some(({ outcome }) => outcome === "failed"), steps, ...bench.measures };
}

async function attempt(
  { name, needs, run }: Trial,
  before: readonly CheckStep[],
  bench: Bench,
): Promise<CheckStep> {
  const missing = before.find((step) => needs.includes(step.name) && !hasWorked(step));
  if (missing !== undefined)
    return { name, outcome: "skipped", message: `not tried, because of "${missing.name}"` };
  try {
    return { name, outcome: "ok", message: await run(bench) };
  } catch (error) {
    bench.signal.throwIfAborted();
    if (error instanceof Caution) return { name, outcome: "warning", message: error.message };
    return failedStep(name, error);
  }
}

const hasWorked = ({ outcome }: CheckStep): boolean => outcome === "ok" || outcome === "warning";

function failedStep(name: string, error: unknown): CheckStep {
  const known = error instanceof HoldfastError ? error : undefined;
  return {
    name,
    outcome: "failed",
    message: error instanceof Error ? error.message : String(error),
    code: known?.code ?? "failed",
    ...(known?.hint !== undefined && { hint: known.hint }),
  };
}

async function tidy({ store, written }: Bench): Promise<void> {
  using patience = createLastWait();
  for (const key of written) {
    patience.start();
    await store.delete(key, patience).catch(() => {});
  }
}
