/**
 * Every way Holdfast can fail, as data: a stable code, its exit status, what it means, what to do.
 * `docs/errors.md` is written from this table. Codes and statuses never change meaning; texts may improve.
 *
 * Statuses below 10 and 128 are those of etcdctl and etcdutl for the same situations; our own start at 10.
 */
interface ErrorKind {
  /** Process exit status. */
  readonly exit: number;
  /** One or two sentences, in the third person. */
  readonly meaning: string;
  /** One or two sentences, in the imperative: what to do next. */
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
  "unknown-flag": {
    exit: 1,
    meaning:
      "A command or flag does not exist, or a flag does not take the value that it was given.",
    remedy: "See `holdfast COMMAND --help`; the message names the nearest that exists.",
  },
  "unsupported-output": {
    exit: 4,
    meaning: "The result cannot be printed in the format that --write-out asks for.",
    remedy: "Use simple, json, fields or table.",
  },
  "not-a-snapshot": {
    exit: 1,
    meaning: "The file is not an etcd database at all: no page of it says so.",
    remedy: "Check the path. Sealed or compressed backups must be opened first.",
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
  "initial-cluster": {
    exit: 1,
    meaning:
      "The flags that describe the cluster to restore do not fit together: names, peer URLs or their form.",
    remedy:
      "Give --name, --initial-cluster and --initial-advertise-peer-urls as the members will be started with.",
  },
  "data-dir-occupied": {
    exit: 1,
    meaning: "The place to restore into holds something already, or cannot be read.",
    remedy: "Choose another --data-dir or --wal-dir, or move the old one away.",
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
