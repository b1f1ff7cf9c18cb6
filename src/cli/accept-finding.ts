import { Option } from "commander";

/** `--accept-finding`, for commands that refuse damage. */
export function acceptFindingOption(): Option {
  return new Option(
    "--accept-finding <code>",
    "go on in spite of findings of this code, at your own risk; may be repeated",
  )
    .argParser((code: string, before: readonly string[]) => [...before, code])
    .default([], "none");
}
