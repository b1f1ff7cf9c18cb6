/** Programs of others, started without a shell and ended when we are told to. */
import { spawn } from "node:child_process";

export interface Ran {
  /** null when a signal ended it. */
  readonly status: number | null;
  readonly stdout: string;
  /** The last 64 KiB of it. */
  readonly stderr: string;
}

export interface RunOptions {
  /** The whole environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** Called with what it writes on its standard output, as it comes. */
  readonly heard?: (text: string) => void;
}

const STDERR_LIMIT = 64 << 10;
/** What a program gets to tidy up in before it is killed. */
const LAST_WAIT_MS = 2000;

/**
 * Runs a program to its end, whatever its exit status, with nothing on its standard input and away from the terminal.
 * On abort it and its children are told to end, then killed, and the signal's reason is thrown. Throws the system's
 * error when it cannot be started.
 */
export async function runProgram(
  command: string,
  args: readonly string[],
  { env, signal, heard }: RunOptions,
): Promise<Ran> {
  signal.throwIfAborted();
  const child = spawn(command, args, {
    env: { ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const ended = Promise.withResolvers<number | null>();
  child.once("error", ended.reject).once("close", ended.resolve);
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
      if (name === "stderr") output.stderr = output.stderr.slice(-STDERR_LIMIT);
      else heard?.(text);
    });
  }
  let killing: NodeJS.Timeout | undefined;
  const kill = (how: NodeJS.Signals): void => killGroup(child.pid, how);
  const stop = (): void => {
    kill("SIGTERM");
    killing = setTimeout(() => kill("SIGKILL"), LAST_WAIT_MS);
  };
  signal.addEventListener("abort", stop, { once: true });
  try {
    const status = await ended.promise;
    signal.throwIfAborted();
    return { status, ...output };
  } finally {
    signal.removeEventListener("abort", stop);
    clearTimeout(killing);
  }
}

function killGroup(pid: number | undefined, how: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, how);
  } catch {
    // it has ended meanwhile
  }
}
