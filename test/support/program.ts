import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { rmSync } from "node:fs";
import type { Readable } from "node:stream";

export interface ProgramOptions {
  readonly cwd?: string;
  /** The whole environment; that of the tests when left out. */
  readonly env?: NodeJS.ProcessEnv;
  /** Standard input; empty when left out. */
  readonly input?: string | Uint8Array;
}

export interface Finished {
  /** Standard output as UTF-8. */
  readonly stdout: string;
  readonly stdoutBytes: Buffer;
  readonly stderr: string;
  /** Exit status, or null when a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Running {
  readonly pid: number;
  /** Resolves with all that it wrote (standard output, then standard error) once that matches; rejects when it ends before. */
  wrote(pattern: RegExp): Promise<string>;
  kill(signal: NodeJS.Signals): void;
  readonly finished: Promise<Finished>;
}

const alive = new Set<ChildProcess>();
const temporary = new Set<string>();

function cleanUp(): void {
  for (const child of alive) child.kill("SIGKILL");
  // a killed process may still be writing
  for (const path of temporary) rmSync(path, { recursive: true, force: true, maxRetries: 10 });
}

process.on("exit", cleanUp);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    cleanUp();
    process.kill(process.pid, signal);
  });
}

/** Sees to it that a child does not outlive the tests, however they end (but for SIGKILL). */
export function killAtExit(child: ChildProcess): void {
  alive.add(child);
  child.once("exit", () => alive.delete(child));
}

/** The same for a folder. Call the answer when it was removed earlier. */
export function removeAtExit(path: string): () => void {
  temporary.add(path);
  return () => void temporary.delete(path);
}

/** Starts a program without a shell. Rejects (by `finished`) only when it cannot be started at all. */
export function start(
  command: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Running {
  const { cwd, env = process.env, input } = options;
  const child = spawn(command, args, { cwd, env, stdio: ["pipe", "pipe", "pipe"] });
  killAtExit(child);
  child.stdin.on("error", () => {}); // a program may end before it has read its input
  child.stdin.end(input);
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status, signal) => {
      const [out, err] = [Buffer.concat(stdout), Buffer.concat(stderr)];
      resolve({ stdout: `${out}`, stdoutBytes: out, stderr: `${err}`, status, signal });
    });
  });
  const wrote = (pattern: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const text = `${Buffer.concat([...stdout, ...stderr])}`;
        if (pattern.test(text)) resolve(text);
      };
      for (const stream of [child.stdout, child.stderr]) stream.on("data", look);
      child.once("close", () => reject(new Error(`${command} ended without ${pattern}`)));
      look();
    });
  return { pid: child.pid ?? -1, wrote, kill: (signal) => void child.kill(signal), finished };
}

function collect(stream: Readable): Buffer[] {
  const parts: Buffer[] = [];
  stream.on("data", (bytes: Buffer) => parts.push(bytes));
  return parts;
}

/** Runs a program to its end, whatever its exit status. */
export function run(
  command: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<Finished> {
  return start(command, args, options).finished;
}

/** Runs a program that has to succeed and gives its standard output; throws with everything it wrote. */
export async function output(
  command: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<string> {
  const { stdout, stderr, status, signal } = await run(command, args, options);
  if (status === 0) return stdout;
  const end = signal ?? `status ${status}`;
  throw new Error(`${command} ${args.join(" ")}: ${end}\n${stdout}${stderr}`.trimEnd());
}
