import type { Sink } from "../../io/source.ts";
import type { Context } from "../context.ts";

/** Standard output for bytes whose memory is used again: each write resolves when its bytes have left. */
export function outputSink({ stdout }: Pick<Context, "stdout">): Sink {
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => {
        stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
  };
}
