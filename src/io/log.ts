/**
 * Events, for people or for machines, as the user chose. Never on standard output: that is for results.
 */
import { now } from "./clock.ts";
import { toJson } from "./json.ts";
import { printable } from "./printable.ts";

/** What a log line may carry beside its message: values that mean something to a machine. Never a secret. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  /** Shown with `--debug` only. */
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

type Level = keyof Log;

export interface LogSettings {
  format: "text" | "json";
  debug: boolean;
  color: boolean;
}

/** A log that drops everything: for use as a library. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * A log that hands one finished line (without its newline) per event to `writeLine`. The settings are read at every
 * event, so that they may still change while the command line is being read.
 */
export function createLog(writeLine: (line: string) => void, settings: Readonly<LogSettings>): Log {
  const write =
    (level: Level) =>
    (message: string, fields: LogFields = {}): void => {
      if (level === "debug" && !settings.debug) return;
      writeLine(
        settings.format === "json"
          ? jsonLine(level, message, fields)
          : textLine(level, message, fields, settings.color),
      );
    };
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}

function jsonLine(level: Level, message: string, fields: LogFields): string {
  return toJson({ time: now().toISOString(), level, message, ...fields });
}

/** Level by a word in front, as etcd's tools do for errors; what is merely told has none. */
const PREFIX: Record<Level, string> = {
  debug: "debug: ",
  info: "",
  warn: "Warning: ",
  error: "Error: ",
};
const COLOR: Record<Level, string> = { debug: "2", info: "0", warn: "1;33", error: "1;31" };

function textLine(level: Level, message: string, fields: LogFields, color: boolean): string {
  const prefix =
    color && PREFIX[level] ? `\u001b[${COLOR[level]}m${PREFIX[level]}\u001b[0m` : PREFIX[level];
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${textValue(value)}`);
  const tail = pairs.length === 0 ? "" : ` (${pairs.join(", ")})`;
  return prefix + printable(message + tail);
}

function textValue(value: unknown): string {
  if (typeof value === "string") return value;
  return value instanceof Error ? value.message : toJson(value);
}
