import { constants } from "node:os";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { HoldfastError } from "../errors.ts";
import { Interruption, type Context } from "./context.ts";

/** Asks for a user's password on the terminal, without showing it. Throws "usage" where there is no terminal. */
export async function askPassword(
  user: string,
  { stdin, stderr, signal }: Pick<Context, "stdin" | "stderr" | "signal">,
): Promise<string> {
  if (stdin.isTTY !== true)
    throw new HoldfastError("usage", `there is no password for the user "${user}"`, {
      hint: "set ETCDCTL_PASSWORD, or give --password-file FILE",
    });
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: stdin, output: nowhere, terminal: true });
  stderr.write("Password: ");
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
