import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { rmSync } from "node:fs";

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
  /** Resolves with all that it wrote (both streams) once that matches, rejects when it ends before. */
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
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ["pipe", "pipe", "pipe"],
  });
  killAtExit(child);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const all: Buffer[] = [];
  for (const [stream, into] of [
    [child.stdout, out],
    [child.stderr, err],
  ] as const) {
    stream.on("data", (bytes: Buffer) => {
      into.push(bytes);
      all.push(bytes);
      child.emit("wrote");
    });
  }
  child.stdin.on("error", () => {}); // a program may end before it has read its input
  child.stdin.end(options.input);
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status, signal) => {
      const stdoutBytes = Buffer.concat(out);
      const [stdout, stderr] = [stdoutBytes.toString(), Buffer.concat(err).toString()];
      resolve({ stdout, stdoutBytes, stderr, status, signal });
    });
  });
  return {
    pid: child.pid ?? -1,
    wrote: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const text = Buffer.concat(all).toString();
          if (pattern.test(text)) resolve(text);
        };
        child.on("wrote", look);
        child.once("close", () =>
          reject(new Error(`ended without ${pattern}: ${Buffer.concat(all)}`)),
        );
        look();
      }),
    kill: (signal) => void child.kill(signal),
    finished,
  };
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
