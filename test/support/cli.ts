import { PassThrough, Readable } from "node:stream";
import { run } from "../../src/cli/run.ts";

export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stdoutBytes: Buffer;
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
  const { env = {}, input = new Uint8Array(), signal = new AbortController().signal } = world;
  const isTTY = world.terminal === true;
  const stdout = Object.assign(new PassThrough(), { isTTY });
  const stderr = Object.assign(new PassThrough(), { isTTY });
  const out = bytesOf(stdout);
  const err = bytesOf(stderr);
  const status = await run(argv, { env, stdin: Readable.from([input]), stdout, stderr, signal });
  stdout.end();
  stderr.end();
  const [stdoutBytes, stderrBytes] = [await out, await err];
  return { status, stdout: `${stdoutBytes}`, stdoutBytes, stderr: `${stderrBytes}` };
}

async function bytesOf(stream: PassThrough): Promise<Buffer> {
  return Buffer.concat(await stream.toArray());
}
