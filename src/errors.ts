/**
 * Every way Holdfast can fail, as data: a stable code, its exit status, what it means, what to do.
 * `docs/errors.md` is written from this table. Codes and statuses never change meaning; texts may improve.
 *
 * Statuses below 10 and 128 are those of etcdctl and etcdutl for the same situations; our own start at 10.
 */
interface ErrorKind {
  readonly exit: number;
  readonly meaning: string;
  readonly remedy: string;
}

export const ERRORS = {
  failed: {
    exit: 1,
    meaning: "The command failed for a reason that has no code of its own.",
    remedy: "Read the message; run again with --log-format json for every step.",
  },
  usage: {
    exit: 128,
    meaning: "The command line is wrong: a missing argument, or flags that contradict each other.",
    remedy: "See `holdfast help COMMAND`.",
  },
  "snapshot-damaged": {
    exit: 10,
    meaning:
      "The snapshot has at least one finding that would change the restored state or stop a boot.",
    remedy:
      "Take another snapshot, or use an older one. On a bad day a single finding can be passed with --accept-finding CODE.",
  },
  "malformed-message": {
    exit: 10,
    meaning: "A record inside a file or an answer does not follow its format.",
    remedy:
      "The file is damaged, or not what it claims to be: take another snapshot, or use an older one.",
  },
  "no-space": {
    exit: 1,
    meaning: "A file system is full, or has less room than what is about to be written needs.",
    remedy: "Free some space, or write to another place. Nothing half written was left behind.",
  },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

/** The one error class: what failed (message), under which code, and what to type next (hint). */
export class HoldfastError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  /**
   * @param message lower case, no period: the action, the thing, the place, found and wanted
   * @param options.hint what to type or check next
   */
  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "HoldfastError";
    this.code = code;
    this.hint = options.hint;
  }

  get exitStatus(): number {
    return ERRORS[this.code].exit;
  }
}
