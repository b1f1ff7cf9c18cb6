/** How fast stores may be used. */
import { Option, type Command } from "commander";
import type { Limits } from "../../store/limited.ts";
import { parseByteCount } from "./byte-count.ts";

interface LimitFlags {
  readonly limitUpload?: number;
  readonly limitDownload?: number;
}

/** `--limit-upload` and `--limit-download`. */
export function addTransferLimits(command: Command): Command {
  const limit = (name: string, what: string): Option =>
    new Option(`${name} <bytes>`, `${what} no faster than this in a second: 20M`).argParser(
      parseByteCount,
    );
  return command
    .addOption(limit("--limit-upload", "send to stores"))
    .addOption(limit("--limit-download", "read from stores"));
}

/** What the flags say; to be made once for a command, for all its stores together. */
export async function transferLimits(command: Command): Promise<Limits> {
  const { limitUpload, limitDownload } = command.opts<LimitFlags>();
  const { createRate } = await import("../../store/limited.ts");
  return {
    ...(limitUpload !== undefined && { upload: createRate(limitUpload) }),
    ...(limitDownload !== undefined && { download: createRate(limitDownload) }),
  };
}
