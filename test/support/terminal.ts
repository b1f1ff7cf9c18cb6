/** A person at a terminal: a command on a pseudo-terminal of script(1), with what is shown and what is typed. */
import { spawn } from "node:child_process";
import { BIN } from "./holdfast.ts";
import { killAtExit } from "./program.ts";

export interface Terminal {
  /** Resolves once all that was shown matches; rejects when the command ends without it. */
  shows(pattern: RegExp): Promise<void>;
  type(keys: string): void;
  /** The exit status, 128 + the number of a signal, and all that was shown. */
  readonly ended: Promise<{ readonly status: number | null; readonly screen: string }>;
}

/** Runs `bin/holdfast` on a terminal of its own, of this kind and with so many columns; without colors. */
export function holdfastOnTerminal(
  args: readonly string[],
  columns = 80,
  TERM = "xterm",
): Terminal {
  const { PATH, HOME } = process.env;
  const command = [BIN, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  const child = spawn("script", ["-qefc", `stty cols ${columns}; exec ${command}`, "/dev/null"], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { PATH, HOME, TERM, NO_COLOR: "1", SHELL: "/bin/sh" },
  });
  killAtExit(child);
  let screen = "";
  child.stdout.on("data", (bytes: Buffer) => void (screen += bytes));
  const ended = new Promise<{ status: number | null; screen: string }>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => resolve({ status, screen }));
  });
  return {
    shows: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => void (pattern.test(screen) && resolve());
        child.stdout.on("data", look);
        child.once("close", () => reject(new Error(`it ended without ${pattern}:\n${screen}`)));
        look();
      }),
    type: (keys) => void child.stdin.write(keys),
    ended,
  };
}

/** Begins the line anew. */
export const CLEAR_LINE = "\r\u001b[K";

/** The lines that can be seen after all that was written, on a terminal that knows CLEAR_LINE. */
export function visibleLines(written: string): string[] {
  const lines = [""];
  for (const [at, part] of written.split(CLEAR_LINE).entries()) {
    if (at > 0) lines[lines.length - 1] = "";
    const [first = "", ...more] = part.split("\r\n");
    lines[lines.length - 1] += first;
    lines.push(...more);
  }
  return lines;
}
