import { HoldfastError } from "../../errors.ts";
import type { Sink } from "../../io/source.ts";
import type { Context } from "../context.ts";

/**
 * Standard output for a snapshot, whose memory is used again: each write resolves when its bytes have left. Throws
 * "usage" for a terminal.
 */
export function snapshotOutput({ stdout }: Pick<Context, "stdout">): Sink {
  if (stdout.isTTY === true)
    throw new HoldfastError(
      "usage",
      "a snapshot is nothing to look at: standard output is a terminal",
      { hint: "give it a file, or a pipe" },
    );
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => {
        stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
  };
}
