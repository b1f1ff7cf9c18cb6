import { fileURLToPath } from "node:url";
import { run, start } from "./program.ts";
import type { Finished, ProgramOptions, Running } from "./program.ts";

export const BIN = fileURLToPath(new URL("../../bin/holdfast", import.meta.url));

/** Variables that steer etcd's tools or our output would make a test depend on who runs it. */
function environment(own: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(ETCD|HOLDFAST|NO_COLOR|FORCE_COLOR|NODE_)/.test(name),
  );
  return { ...Object.fromEntries(inherited), ...own };
}

/** Runs `bin/holdfast` to its end. `env` is added to a clean environment. */
export function holdfast(args: readonly string[], options: ProgramOptions = {}): Promise<Finished> {
  return run(BIN, args, { ...options, env: environment(options.env) });
}

/** Starts `bin/holdfast`, for tests that send it signals. */
export function startHoldfast(args: readonly string[], options: ProgramOptions = {}): Running {
  return start(BIN, args, { ...options, env: environment(options.env) });
}
