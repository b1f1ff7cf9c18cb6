import { constants } from "node:os";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import type { HoldfastError } from "../../errors.ts";
import { Interruption, type Context } from "../context.ts";

export interface Question {
  /** What stands before the cursor: "Password: ". */
  readonly prompt: string;
  /** What is thrown where there is no terminal to ask on. */
  readonly unanswered: () => HoldfastError;
}

/** Asks for something secret on the terminal, without showing it. */
export async function askSecret(
  { prompt, unanswered }: Question,
  { stdin, stderr, signal }: Pick<Context, "stdin" | "stderr" | "signal">,
): Promise<string> {
  if (stdin.isTTY !== true) throw unanswered();
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: stdin, output: nowhere, terminal: true });
  stderr.write(prompt);
  try {
    return await terminal.question("", { signal });
  } catch (error) {
    signal.throwIfAborted();
    // on a terminal in raw mode Ctrl-C is a key, not a signal
    if ((error as Error).name === "AbortError")
      throw new Interruption("SIGINT", constants.signals.SIGINT);
    throw error;
  } finally {
    terminal.close();
    stderr.write("\n");
  }
}
