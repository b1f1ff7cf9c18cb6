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
  "target-version": {
    exit: 13,
    meaning: "The snapshot cannot be prepared for the etcd version that was asked for.",
    remedy: "Restore it with the version that wrote it, or with a newer Holdfast.",
  },
  "connection-failed": {
    exit: 5,
    meaning:
      "No endpoint could be reached, or the connection was lost and no other endpoint could take over.",
    remedy: "Check --endpoints, that the members run, and the way to them: name, port, firewall.",
  },
  "wrong-protocol": {
    exit: 5,
    meaning:
      "An endpoint speaks something else than was expected: plain text instead of TLS, the reverse, or not etcd at all.",
    remedy:
      "Use https:// for TLS and http:// without, and the client port (2379), not the one for peers or metrics.",
  },
  "certificate-unusable": {
    exit: 128,
    meaning:
      "A file given by --cacert, --cert or --key cannot be read, is not PEM, or does not fit the others.",
    remedy:
      "Give the right files: PEM, readable by this user, the key belonging to the certificate.",
  },
  "certificate-expired": {
    exit: 5,
    meaning: "The server's or the client's certificate has expired, or is not valid yet.",
    remedy: "Renew the certificate that the message names, or correct the clock of this machine.",
  },
  "certificate-untrusted": {
    exit: 5,
    meaning: "The server's certificate was not issued by a trusted CA.",
    remedy: "Give the CA of the cluster with --cacert.",
  },
  "certificate-name-mismatch": {
    exit: 5,
    meaning:
      "The server's certificate does not hold for the name or address that was connected to.",
    remedy: "Connect by a name that the certificate holds for, or name one with --tls-server-name.",
  },
  "certificate-required": {
    exit: 5,
    meaning: "The server wants a client certificate and was given none.",
    remedy: "Give --cert and --key.",
  },
  "certificate-refused": {
    exit: 5,
    meaning: "The server does not accept the client certificate that was given.",
    remedy: "Give a client certificate that was issued by the CA that the members trust.",
  },
  "authentication-failed": {
    exit: 5,
    meaning:
      "The cluster wants a user and a password, and they are missing, wrong, or not accepted any more.",
    remedy: "Give --user NAME and the password in ETCDCTL_PASSWORD.",
  },
  "permission-denied": {
    exit: 5,
    meaning: "The user may not do this.",
    remedy:
      "Use a user with the role root: snapshots and hashes need it whatever other permissions are granted.",
  },
  "member-is-learner": {
    exit: 5,
    meaning: "The member is a learner, and learners do not answer this.",
    remedy: "Give the endpoint of a voting member.",
  },
  "no-leader": {
    exit: 5,
    meaning: "The cluster has no leader, or not enough members answer each other.",
    remedy: "Check that most of the members run; wait for an election to end, then try again.",
  },
  "revision-compacted": {
    exit: 1,
    meaning: "The revision asked for is older than the last compaction.",
    remedy: "Ask for a newer one.",
  },
  "revision-in-future": {
    exit: 1,
    meaning: "The revision asked for does not exist yet.",
    remedy: "Ask for an older one.",
  },
  "server-refused": {
    exit: 5,
    meaning: "A member answered with an error that has no code of its own here.",
    remedy: "The message holds the server's own words; its log has more.",
  },
  "time-limit": {
    exit: 5,
    meaning: "The command was not finished within --command-timeout.",
    remedy: "Leave the flag out: without it only a lack of progress ends the command.",
  },
  "no-progress": {
    exit: 11,
    meaning: "Nothing moved for as long as --no-progress allows.",
    remedy: "Look at the member that the message names; try another endpoint, or a higher limit.",
  },
  "members-disagree": {
    exit: 12,
    meaning: "Members of one cluster hold different data at the same revision.",
    remedy:
      "Do not restart or remove anything yet. Take a snapshot of every member, and find the odd one out.",
  },
  "hash-missing": {
    exit: 1,
    meaning: "The snapshot does not end with the SHA-256 that etcd sends after it.",
    remedy:
      "If it is a db file copied from a data dir, restore it with --skip-hash-check; otherwise it is cut short.",
  },
  "hash-mismatch": {
    exit: 1,
    meaning: "The snapshot's SHA-256 is not that of its bytes.",
    remedy: "Copy it again from where it was taken to, or use another snapshot.",
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
