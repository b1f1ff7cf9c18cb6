import { HoldfastError } from "../../errors.ts";
import { createPatience, type Patience } from "../../io/patience.ts";

/**
 * A limit for the whole command, only for who asks for it by --command-timeout: by itself nothing but a lack of
 * progress ends a command. Its signal is aborted when `signal` is, or with "time-limit".
 */
export function totalLimit(commandTimeoutMs: number | undefined, signal: AbortSignal): Patience {
  const limit = createPatience(commandTimeoutMs ?? 0, signal, () => {
    return new HoldfastError(
      "time-limit",
      `not finished within the ${commandTimeoutMs! / 1000} s of --command-timeout`,
    );
  });
  if (commandTimeoutMs !== undefined) limit.start();
  return limit;
}
