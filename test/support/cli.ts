import { PassThrough, Readable } from "node:stream";
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
  const stdout = Object.assign(new PassThrough(), { isTTY });
  const stderr = Object.assign(new PassThrough(), { isTTY });
  const out = bytesOf(stdout);
  const err = bytesOf(stderr);
  const status = await run(argv, { env, stdin: Readable.from([input]), stdout, stderr, signal });
  stdout.end();
  stderr.end();
  return { status, stdout: await out, stderr: (await err).toString() };
}

async function bytesOf(stream: PassThrough): Promise<Buffer> {
  return Buffer.concat(await stream.toArray());
}
