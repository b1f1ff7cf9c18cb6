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
    remedy: "Read the message; run again with --debug for more of what happens.",
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
  "written-wrong": {
    exit: 10,
    meaning: "The database that a restore wrote does not read back as it was written.",
    remedy:
      "The disk or the memory of the machine is failing: look at the kernel's log, and restore on another machine. The data dir was not published.",
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
      "An endpoint speaks something else than was expected: plain text instead of TLS, the reverse, or not etcd at all; or a proxy of etcd answers where the members are asked for.",
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
      "If it is a db file copied from a data dir, restore it with --skip-hash-check; otherwise it is cut short, compressed, or no snapshot: `holdfast inspect` tells.",
  },
  "hash-mismatch": {
    exit: 1,
    meaning: "The snapshot's SHA-256 is not that of its bytes.",
    remedy: "Copy it again from where it was taken to, or use another snapshot.",
  },
  "store-url": {
    exit: 20,
    meaning:
      "The URL of a store cannot be used: an unknown kind or parameter, a missing piece, or a secret in it.",
    remedy:
      "Write it as docs/stores.md shows for this kind of store; secrets belong into the environment or into files.",
  },
  "object-key": {
    exit: 21,
    meaning: "The name of an object is not one that every store can hold, or clashes with another.",
    remedy:
      "Use letters, digits, and . _ - between them. A store with other names in it was not written by Holdfast.",
  },
  "object-exists": {
    exit: 22,
    meaning: "The store holds an object of this name already, and nothing is ever overwritten.",
    remedy:
      "Run it again: names are drawn anew each time. It also means that somebody else writes here.",
  },
  "object-missing": {
    exit: 23,
    meaning: "The store holds no object of this name.",
    remedy:
      "Look at what is there with `holdfast list`; somebody or a lifecycle rule may have removed it.",
  },
  "object-locked": {
    exit: 24,
    meaning: "The object is locked against deletion, and the time of the lock is not over.",
    remedy:
      "Wait until the date that the message names; that it cannot be removed earlier is what the lock is for.",
  },
  "store-full": {
    exit: 25,
    meaning: "The store has no room left, or a quota is used up.",
    remedy: "Free some space there, or prune. Nothing half written was left behind.",
  },
  "store-refused": {
    exit: 26,
    meaning: "The store knows who asks, or could not tell, and does not allow this.",
    remedy:
      "Grant the permission that the message names, or check the credentials; `holdfast store check` tries all of them.",
  },
  "store-read-only": {
    exit: 27,
    meaning: "The store can be read but not written.",
    remedy: "Mount or open it for writing; reading and restoring from it works as it is.",
  },
  "store-unreachable": {
    exit: 28,
    meaning: "The store did not answer, broke off, or kept failing for as long as was waited.",
    remedy: "Check name, port, proxy and firewall; run it again when the store is well.",
  },
  "store-throttled": {
    exit: 29,
    meaning: "The store kept asking for slower requests for as long as was waited.",
    remedy: "Run it again later, or with --limit-upload and --limit-download.",
  },
  "store-misconfigured": {
    exit: 30,
    meaning:
      "What was said about the store does not fit it: bucket, region, certificate, host key, clock, missing credentials.",
    remedy:
      "Correct what the message names; `holdfast store check` explains one thing after the other.",
  },
  "store-wrong-answer": {
    exit: 31,
    meaning:
      "The store answered what it must not: another length than it announced, an order that is none.",
    remedy:
      "Look at what stands between here and the store (proxy, gateway, cache), and at its version.",
  },
  "store-unsupported": {
    exit: 32,
    meaning: "The store cannot do what was asked of it.",
    remedy:
      "See what it can do with `holdfast store check`; choose other parameters, or another store.",
  },
  "store-not-there": {
    exit: 33,
    meaning:
      "The store can be reached, but holds nothing of what must be in it: a disk that is not mounted, a wrong prefix.",
    remedy: "Mount the disk or correct the URL; a new repository is made with `holdfast init`.",
  },
  "too-few-stores": {
    exit: 34,
    meaning: "Fewer stores hold the object than --required asks for.",
    remedy: "See to the stores that the message names, and run it again.",
  },
  "packed-damaged": {
    exit: 10,
    meaning: "Compressed bytes are cut short, altered, or expand to more than they may.",
    remedy:
      "Use another copy of the backup, or another backup; `holdfast verify` tells which hold.",
  },
  "sealed-damaged": {
    exit: 10,
    meaning: "Sealed bytes are cut short or altered, or were never sealed in a form known here.",
    remedy:
      "Use another copy of the backup, or another backup; `holdfast verify` tells which hold.",
  },
  "no-random-access": {
    exit: 1,
    meaning:
      "The bytes can be read from their start only: sealed with OpenPGP, or compressed without a seek table.",
    remedy: "Fetch the whole with `holdfast cat`, or seal with age.",
  },
  "recipients-unusable": {
    exit: 128,
    meaning:
      "What was given as recipients holds none, or some that cannot be used, or not together.",
    remedy:
      "Give a file with age or SSH public keys, one a line, or with OpenPGP public keys; post-quantum ones stand alone.",
  },
  "identity-unusable": {
    exit: 128,
    meaning: "What was given as an identity is none, or its passphrase is missing or wrong.",
    remedy:
      "Give an age identity file, an OpenSSH private key or an OpenPGP private key, and its passphrase.",
  },
  "no-identity-matches": {
    exit: 14,
    meaning: "None of the given identities belongs to a recipient that the backup was sealed to.",
    remedy: "Give another identity; `holdfast show ID` lists the recipients by their fingerprints.",
  },
  "signing-key-unusable": {
    exit: 128,
    meaning: "What was given as a signing key is none, or its passphrase is missing or wrong.",
    remedy:
      "Give an Ed25519 private key in OpenSSH's format: `holdfast init` and `ssh-keygen -t ed25519` make one.",
  },
  "allowed-signers-unusable": {
    exit: 128,
    meaning: "The file of allowed signers holds none, or says something that is not understood.",
    remedy:
      'Give lines of the form: NAME namespaces="holdfast" ssh-ed25519 AAAA…, as ssh-keygen(1) describes them.',
  },
  "signature-invalid": {
    exit: 15,
    meaning:
      "A signature is not of the bytes it stands beside, or not in the one form that is accepted.",
    remedy: "Do not trust the object. Look at who can write to the store, and use another backup.",
  },
  "signer-unknown": {
    exit: 16,
    meaning: "A signature is good, but whose key made it is not among the allowed signers.",
    remedy:
      "If the fingerprint is one of yours, add its key to the allowed signers; if not, do not trust the object.",
  },
  "repository-exists": {
    exit: 50,
    meaning: "There is a repository at this place already, and nothing is ever overwritten.",
    remedy: "Use it as it is, or choose another prefix for a new one.",
  },
  "format-newer": {
    exit: 51,
    meaning: "The repository, or a document in it, was written by a newer Holdfast than this one.",
    remedy: "Install a newer Holdfast; what is there is not harmed.",
  },
  "document-invalid": {
    exit: 52,
    meaning:
      "A document of the repository (manifest, evidence, pin, holdfast.json) does not follow its format, or says that it is another's.",
    remedy:
      "Do not trust it. Look at who can write to the store, and use its copy in another store, or another backup.",
  },
  "signature-missing": {
    exit: 53,
    meaning: "A backup has no signature beside its manifest, so nobody knows who made it.",
    remedy:
      "Use a signed one. If it was made without a signing key and you know where it comes from, say so with the flag that the message names.",
  },
  "backup-unknown": {
    exit: 54,
    meaning: "No backup fits what was asked for, or more than one does.",
    remedy: "Look at what is there with `holdfast list`, and give more of the ID.",
  },
  "backup-damaged": {
    exit: 55,
    meaning: "A backup in the store is not what its manifest says, or cannot be restored.",
    remedy: "Use its copy in another store, or another backup; take a new one now.",
  },
  "backup-protected": {
    exit: 56,
    meaning:
      "The backup is pinned, locked, the newest, or the last one that was proven, and is not removed.",
    remedy: "Unpin it, take or verify another one first, or leave it where it is.",
  },
  "consent-missing": {
    exit: 57,
    meaning: "Something would be deleted or replaced, and nobody has said yes to that.",
    remedy: "Look at what would happen with --dry-run, then give --yes.",
  },
  "hash-contradicted": {
    exit: 60,
    meaning:
      "The member that sent a snapshot gives another HashKV for the same revision than the rows of the snapshot.",
    remedy:
      "Nothing was published. Compare all members with `holdfast hashkv`, and back up from another one with --endpoints.",
  },
  "data-dir-in-use": {
    exit: 61,
    meaning: "A running process has the database of the data dir open.",
    remedy: "Stop etcd on this machine first, and see that it stays stopped.",
  },
  "file-exists": {
    exit: 62,
    meaning: "A file that would be written is there already, and nothing is ever overwritten.",
    remedy: "Choose another --out; keep the keys that are there.",
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
