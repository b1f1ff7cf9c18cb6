import { InvalidArgumentError, Option } from "commander";
import { FINDINGS } from "../../inspect/finding-codes.ts";

/**
 * `--accept-finding`, for commands that refuse damage.
 *
 * @param doing what is done in spite of the finding: "restore"
 */
export function acceptFindingOption(doing = "go on"): Option {
  return new Option(
    "--accept-finding <code>",
    `${doing} in spite of findings of this code, at your own risk; may be repeated`,
  )
    .argParser((code: string, before: readonly string[]) => [...before, known(code)])
    .default([], "none");
}

/** A code that is mistyped would be accepted for ever, and nothing by it. */
function known(code: string): string {
  if (Object.hasOwn(FINDINGS, code)) return code;
  throw new InvalidArgumentError(
    "No finding has this code: `holdfast inspect` names those of a snapshot.",
  );
}
