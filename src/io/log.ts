/** What a log line may carry beside its message: values that mean something to a machine. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where events go. Lines are for people or for machines, as the user chose; never on standard output. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** A log that drops everything: for library use and tests. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
