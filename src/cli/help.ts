/** What the help of every command ends with: examples, and the exit statuses that it may have. */
import type { Command } from "commander";
import { ERRORS, type ErrorCode } from "../errors.ts";

export interface Example {
  readonly what: string;
  /** As typed, without the prompt. */
  readonly command: string;
}

/** Adds both sections. `failures` are the codes a user of this command may meet beside the common ones. */
export function addHelpSections(
  command: Command,
  { examples, failures }: { examples: readonly Example[]; failures: readonly ErrorCode[] },
): Command {
  return command.addHelpText("after", () => {
    const statuses = exitStatuses(failures).map((row) => exitStatusLine(command, row));
    return [
      "",
      "Examples:",
      ...examples.flatMap(({ what, command: typed }) => [`  # ${what}`, `  ${typed}`]),
      "",
      "Exit status:",
      ...statuses,
      "",
      "What to do about each: docs/errors.md",
    ].join("\n");
  });
}

type ExitStatus = readonly [status: number, meaning: string];

function exitStatuses(failures: readonly ErrorCode[]): ExitStatus[] {
  const codes = new Set<ErrorCode>([...failures, "unknown-flag", "usage", "failed"]);
  const rows: ExitStatus[] = [...codes].map((code) => [
    ERRORS[code].exit,
    `${code}: ${ERRORS[code].meaning}`,
  ]);
  return [
    [0, "The command did what it says."],
    ...rows.toSorted(([a], [b]) => a - b),
    [130, "Interrupted: 128 and the number of the signal. Nothing half done is left."],
  ];
}

function exitStatusLine(command: Command, [status, meaning]: ExitStatus): string {
  const help = command.createHelp();
  help.prepareContext({ helpWidth: helpWidth(command) });
  return help.formatItem(String(status).padStart(3), 5, meaning, help);
}

function helpWidth(command: Command): number {
  return command.configureOutput().getOutHelpWidth?.() ?? 100;
}
