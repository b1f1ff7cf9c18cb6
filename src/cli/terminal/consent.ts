import { createInterface } from "node:readline/promises";
import { HoldfastError } from "../../errors.ts";
import type { Context } from "../context.ts";

/**
 * Returns when somebody agreed: by --yes, or on the terminal. Throws "consent-missing" where nobody did, or nobody can
 * be asked.
 *
 * @param question what would happen, without a question mark: "remove 3 backups"
 */
export async function requireConsent(
  question: string,
  { yes }: { readonly yes: boolean },
  { stdin, stderr, signal }: Pick<Context, "stdin" | "stderr" | "signal">,
): Promise<void> {
  if (yes) return;
  if (stdin.isTTY !== true)
    throw new HoldfastError("consent-missing", `nobody has agreed to ${question}`, {
      hint: "there is no terminal to ask on: give --yes if that is what you want",
    });
  // Not as a terminal of its own: Ctrl-C has to reach the process.
  const terminal = createInterface({ input: stdin, output: stderr, terminal: false });
  try {
    // At the end of the input a question would wait for ever.
    const ended = new Promise<undefined>((resolve) => {
      terminal.once("close", () => resolve(undefined));
    });
    const asked = terminal.question(`${upperFirst(question)}? [y/N] `, { signal });
    const answer = await Promise.race([asked, ended]);
    if (/^\s*y(es)?\s*$/i.test(answer ?? "")) return;
    // Nobody has ended the line of the question.
    if (answer === undefined) stderr.write("\n");
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    terminal.close();
  }
  throw new HoldfastError("consent-missing", `not done: ${question}`);
}

function upperFirst(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
