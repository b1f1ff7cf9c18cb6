/** What rsync's exit status and words mean for a store. */
import type { ErrorCode } from "../../errors.ts";
import type { Ran } from "../../io/run-program.ts";
import { StoreFailure } from "../failure.ts";

interface Meaning {
  readonly words: RegExp;
  readonly code: ErrorCode;
  readonly hint: string;
}

/** The first that fits. */
const MEANINGS: readonly Meaning[] = [
  {
    words: /module is read.only|read-only server|Read-only file system/i,
    code: "store-read-only",
    hint: "set `read only = no` for the module, take -ro from rrsync, or mount its disk for writing",
  },
  {
    words: /module is write.only|write-only server/i,
    code: "store-refused",
    hint: "set `write only = no` for the module, or take -wo from rrsync: what is written has to be looked at too",
  },
  {
    words: /access denied to|configured to refuse/i,
    code: "store-refused",
    hint: "see `hosts allow` and `refuse options` of the module in rsyncd.conf",
  },
  {
    words: /No space left|Disk quota exceeded/i,
    code: "store-full",
    hint: "free some space there, or raise the quota, and run it again",
  },
  {
    words: /host key verification failed|REMOTE HOST IDENTIFICATION/i,
    code: "store-misconfigured",
    hint: "compare the server's key (ssh-keygen -lf) with what ssh-keyscan shows, and add it to knownHosts=",
  },
  {
    words: /auth failed on module/i,
    code: "store-refused",
    hint: "set RSYNC_PASSWORD or passwordFile=, and write the user before the host",
  },
  {
    words: /Unknown module|chroot failed|chdir failed/i,
    code: "store-misconfigured",
    hint: "the first piece of the path is the module: see rsyncd.conf",
  },
  {
    words:
      /rsync: (command )?not found|remote command not found|(unknown|invalid|unrecognized) option|option .* disabled on this server|--fsync/i,
    code: "store-unsupported",
    hint: "rsync 3.2.4 or later is needed here and there",
  },
  {
    words: /UNPROTECTED PRIVATE KEY/,
    code: "store-misconfigured",
    hint: "take the key of identityFile= from everybody else: chmod 600",
  },
  {
    words: /Permission denied/i,
    code: "store-refused",
    hint: "give this user the right to log in, and to read, write and list in the folder",
  },
];

/** Socket and protocol errors, time-outs, and those of ssh. */
const TRANSIENT = new Set([10, 12, 14, 20, 30, 35, 255]);

/** Two that make the same folder at the same time: rsync looks whether it is there, makes it, and is told it is there. */
const OVERTAKEN = /mkdir ".*failed: File exists/;

/** @param doing as in `cannot write "KEY"` */
export function rsyncFailure(doing: string, { status, stderr }: Ran): StoreFailure {
  const message = `cannot ${doing}: rsync ended with ${status ?? "a signal"}: ${lastWords(stderr)}`;
  if (/@ERROR: max connections/.test(stderr))
    return new StoreFailure("store-throttled", message, { transient: true });
  const meaning = MEANINGS.find(({ words }) => words.test(stderr));
  if (meaning !== undefined) return new StoreFailure(meaning.code, message, { hint: meaning.hint });
  // the daemon's own refusals begin with @ERROR; without one it closed before it greeted
  const isCut =
    status === null || TRANSIENT.has(status) || (status === 5 && !/@ERROR/.test(stderr));
  return new StoreFailure(isCut ? "store-unreachable" : "store-wrong-answer", message, {
    transient: isCut || OVERTAKEN.test(stderr),
  });
}

/** The line that says most: the first one, but for ssh's notes, and without the frame around its banners. */
function lastWords(stderr: string): string {
  const lines = stderr.split(/[\r\n]+/).filter((line) => /[a-z]/i.test(line));
  const first = lines.find((line) => !line.startsWith("Warning: ")) ?? "it said nothing";
  return first.replace(/^@ +(.*?) +@$/, "$1").slice(0, 300);
}

/** Of a server, and of the script that restricts one to a folder, which looks for itself and ends with another status. */
const SENDER = /^rsync: \[sender\]/;
const RESTRICTED = /^\S*rrsync error: /;

/** Whether rsync says that nothing is there, and nothing else. */
export function isNothingThere({ status, stderr }: Ran): boolean {
  // what this side says afterwards is only that the other one has gone
  const wanted = status === 23 ? SENDER : RESTRICTED;
  const complaints = stderr.split(/[\r\n]+/).filter((line) => wanted.test(line));
  return (
    status !== 0 &&
    complaints.length > 0 &&
    complaints.every((line) => /No such file or directory|Not a directory/i.test(line))
  );
}
