/** What the help of every command ends with: examples, and the exit statuses that it may have. */
import type { Command } from "commander";
import { ERRORS, type ErrorCode } from "../errors.ts";

export interface Example {
  readonly what: string;
  /** As typed, without the prompt. */
  readonly command: string;
}

/** Adds both sections. `failures` are the codes a user of this command may meet; 0, 1 and interruption always show. */
export function addHelpSections(
  command: Command,
  { examples, failures }: { examples: readonly Example[]; failures: readonly ErrorCode[] },
): Command {
  return command.addHelpText("after", () =>
    ["", "Examples:", ...examples.flatMap(exampleLines), "", ...exitStatusLines(failures)].join(
      "\n",
    ),
  );
}

function exampleLines({ what, command }: Example): string[] {
  return [`  # ${what}`, `  ${command}`];
}

function exitStatusLines(failures: readonly ErrorCode[]): string[] {
  const codes: ErrorCode[] = [...failures, "unknown-flag", "usage", "failed"];
  const rows = [...new Set(codes)]
    .map((code) => ({ exit: ERRORS[code].exit, code, meaning: ERRORS[code].meaning }))
    .toSorted((a, b) => a.exit - b.exit);
  return [
    "Exit status:",
    "    0  The command did what it says.",
    ...rows.map(({ exit, code, meaning }) => `  ${String(exit).padStart(3)}  ${code}: ${meaning}`),
    "  130  Interrupted: 128 and the number of the signal; nothing half done is left.",
    "",
    "All statuses and what to do: docs/errors.md",
  ];
}
