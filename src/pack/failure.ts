import { HoldfastError } from "../errors.ts";

/** What zlib threw, as "packed-damaged"; anything else is not ours to explain. `plain` bytes had come out. */
export function decompressionFailure(error: unknown, plain: number): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (!/^(ZSTD_error|Z_|ERR_BUFFER_TOO_LARGE)/.test(code ?? "")) return error;
  const what = `the compressed bytes are damaged ${plain} bytes into what they hold: ${message}`;
  return new HoldfastError("packed-damaged", what, { cause: error });
}
