/** Whatever was thrown, as what the user gets to see: exit status, code, sentence, hint. */
import { getSystemErrorMessage } from "node:util";
import { CommanderError } from "commander";
import { HoldfastError, type ErrorCode } from "../errors.ts";
import { Interruption } from "./context.ts";

export interface Failure {
  readonly exitStatus: number;
  readonly code: ErrorCode | "interrupted";
  /** Undefined where there is nothing to tell: a reader that has seen enough knows. */
  readonly message: string | undefined;
  readonly hint: string | undefined;
}

/** Nothing failed: commander throws too when it has printed the help or the version. */
export function wasPrinted({ exitCode, code }: CommanderError): boolean {
  return exitCode === 0 || code === "commander.help";
}

/** What `error` is to the user of the command of this name. */
export function failureOf(error: unknown, command: string): Failure {
  if (error instanceof Interruption) {
    const message = error.signal === "SIGPIPE" ? undefined : error.message;
    return { exitStatus: error.exitStatus, code: "interrupted", message, hint: undefined };
  }
  if (error instanceof CommanderError) return failureOf(commandLineError(error, command), command);
  const known = error instanceof HoldfastError ? error : unforeseen(error);
  const { exitStatus, code, message, hint } = known;
  return { exitStatus, code, message, hint };
}

/** etcd's tools exit with 128 when arguments are missing or too many, and with 1 for what they do not know. */
function commandLineError(error: CommanderError, command: string): HoldfastError {
  const code: ErrorCode =
    error.code === "commander.missingArgument" ||
    error.code === "commander.missingMandatoryOptionValue" ||
    error.code === "commander.excessArguments" ||
    error.code === "commander.conflictingOption"
      ? "usage"
      : "unknown-flag";
  const [, message, nearest] =
    /^error: (.*?)(?:\n\(Did you mean (.*)\?\))?$/s.exec(error.message) ?? [];
  const help = `see ${command} --help`;
  return new HoldfastError(code, (message ?? error.message).replace(/\.$/, ""), {
    hint: nearest === undefined ? help : `did you mean ${nearest}? ${help}`,
    cause: error,
  });
}

/** Errors of the operating system become sentences; anything else is a fault of ours. */
function unforeseen(error: unknown): HoldfastError {
  if (!(error instanceof Error)) return new HoldfastError("failed", String(error));
  const { errno, syscall, path } = error as NodeJS.ErrnoException;
  if (errno !== undefined && syscall !== undefined) {
    const what = path === undefined ? syscall : `${syscall} ${JSON.stringify(path)}`;
    return new HoldfastError("failed", `cannot ${what}: ${getSystemErrorMessage(errno)}`, {
      cause: error,
    });
  }
  return new HoldfastError("failed", error.message, {
    hint: "this should not happen; run again with --debug for the place in the program",
    cause: error,
  });
}
