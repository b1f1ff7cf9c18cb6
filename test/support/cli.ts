import { Readable, Writable } from "node:stream";
import type { Context } from "../../src/cli/context.ts";
import { run } from "../../src/cli/run.ts";

export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandWorld {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: Uint8Array;
  readonly signal?: AbortSignal;
  /** Standard output and standard error say that they are a terminal. */
  readonly terminal?: boolean;
}

/** Runs one command line inside this process, as `main` would. */
export async function runCommand(
  argv: readonly string[],
  world: CommandWorld = {},
): Promise<CommandResult> {
  const { stdout, ...result } = await runForBytes(argv, world);
  return { ...result, stdout: stdout.toString() };
}

/** The same for output that is no text. */
export async function runForBytes(
  argv: readonly string[],
  world: CommandWorld = {},
): Promise<Omit<CommandResult, "stdout"> & { readonly stdout: Buffer }> {
  const { env = {}, input = new Uint8Array(), signal = new AbortController().signal } = world;
  const isTTY = world.terminal === true;
  const [stdout, out] = sink(isTTY);
  const [stderr, err] = sink(isTTY);
  const status = await run(argv, { env, stdin: Readable.from([input]), stdout, stderr, signal });
  return { status, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() };
}

/** As a pipe: what was written is a copy, since its memory may be used again. */
function sink(isTTY: boolean): [Context["stdout"], Buffer[]] {
  const written: Buffer[] = [];
  const stream = new Writable({
    write(bytes: Uint8Array, _encoding, done) {
      written.push(Buffer.from(bytes));
      done();
    },
  });
  return [Object.assign(stream, { isTTY }), written];
}
