/**
 * Every finding as data: a stable code, how bad it is, and what it means. `docs/findings.md` is written from this
 * table. Codes never change meaning; texts may improve.
 */
export interface FindingKind {
  /** "error" only for what changes the restored state, stops a boot, or is refused by etcd's own tools. */
  readonly severity: "error" | "warning";
  /** One or two sentences, in the third person. */
  readonly meaning: string;
  /** Where it is of the other severity. */
  readonly except?: string;
}

export const FINDINGS = {
  "meta-invalid": {
    severity: "error",
    meaning:
      "Neither of the two meta pages is valid: there is no way into the file, or it is no etcd database at all.",
  },
  "meta-torn": {
    severity: "warning",
    meaning:
      "One of the two meta pages is not valid and the other is used, as etcd does. Expected in a file that was copied while a server wrote it.",
  },
  "meta-header": {
    severity: "warning",
    meaning:
      "The header of a meta page is wrong, its content is not. Servers and restores write it anew; etcdutl's status stops at it.",
  },
  truncated: {
    severity: "error",
    meaning: "The file ends before its last page.",
  },
  length: {
    severity: "error",
    meaning:
      "Behind the last page is something else than a SHA-256 trailer (32 bytes) or whole pages: the file is not what any etcd wrote.",
  },
  "trailer-mismatch": {
    severity: "error",
    meaning:
      "The SHA-256 behind the last page is not that of the bytes before it: at least one bit is not what the server sent.",
  },
  "no-trailer": {
    severity: "warning",
    except: "an error with `--require-trailer`",
    meaning:
      "There is no SHA-256 behind the last page, so that nothing says whether all bytes are those of the server. A file copied from a data dir has none.",
  },
  "file-in-use": {
    severity: "warning",
    meaning: "The file is open in a running process: it may change while it is being read.",
  },
  "page-out-of-bounds": {
    severity: "error",
    meaning: "A page that is in use points to a page that the database does not have.",
  },
  "page-missing": {
    severity: "error",
    meaning: "A page that is in use lies behind the end of the file.",
  },
  "page-invalid": {
    severity: "error",
    meaning:
      "A page that is in use cannot be read: wrong id or type, or elements that do not fit into it.",
  },
  "page-shared": {
    severity: "error",
    meaning: "A page is in use at two places at once.",
  },
  "page-layout": {
    severity: "warning",
    meaning:
      "A page that is in use can be read, but its elements do not lie one after the other, as bbolt writes them: something else wrote it, or changed it.",
  },
  "key-order": {
    severity: "error",
    meaning:
      "Keys are not in ascending order, within a page or across pages: some cannot be found.",
  },
  "freelist-invalid": {
    severity: "error",
    except: "a warning for a page behind the last",
    meaning:
      "The list of free pages does not agree with the pages in use: a page is on it twice, is in use as well, or is neither.",
  },
  "root-entry": {
    severity: "error",
    meaning: "The root of the database holds something that is no bucket.",
  },
  "bucket-missing": {
    severity: "warning",
    except: "an error for `key` and `meta`",
    meaning:
      "A bucket that every etcd server has is not there. A server makes it at boot, without what was in it.",
  },
  "bucket-unknown": {
    severity: "warning",
    meaning: "There is a bucket that no etcd server makes. Servers leave it alone.",
  },
  "bucket-nested": {
    severity: "error",
    except: "a warning in a bucket that no etcd server has",
    meaning:
      "A bucket holds a bucket, which etcd's never do: where a server wants a record, it finds nothing.",
  },
  "row-key": {
    severity: "error",
    meaning: "A row's key is no revision. Servers from 3.6 on do not start with it.",
  },
  "row-value": {
    severity: "error",
    meaning: "A row's value is no KeyValue message. No server starts with it.",
  },
  "row-revision": {
    severity: "warning",
    meaning: "A row's value names another revision than its key.",
  },
  "row-version": {
    severity: "warning",
    except: "an error for a second row of one key at one revision: no server starts with it",
    meaning:
      "A row's version or create revision does not follow from the row of the same key before it, or something was deleted that did not exist.",
  },
  "revision-gap": {
    severity: "warning",
    meaning:
      "Revisions above the compaction do not follow each other without a gap: rows are missing, or out of turn.",
  },
  "lease-unknown": {
    severity: "warning",
    meaning: "A key is attached to a lease that is not there: it would never expire.",
  },
  "lease-misplaced": {
    severity: "warning",
    meaning: "A lease's record lies under another key than its id: it could not be revoked.",
  },
  "record-invalid": {
    severity: "error",
    except: "a warning for a role that no user has",
    meaning:
      "A record of a small bucket (lease, alarm, auth, cluster, meta) cannot be read: a server panics when it starts.",
  },
  "member-invalid": {
    severity: "warning",
    meaning:
      "A record of the members, or of the removed ones, cannot be read. A restore writes them anew; etcdutl's stops at the key of one.",
  },
  "number-invalid": {
    severity: "warning",
    meaning:
      "A number of the buckets `meta` or `auth` (consistent index, term, auth revision) has the wrong length.",
  },
  "not-examined": {
    severity: "warning",
    meaning: "A record or a row was not looked at: it is larger than anything etcd writes.",
  },
  "alarm-raised": {
    severity: "warning",
    meaning: "An alarm is raised, and comes back with a restore.",
  },
  "downgrade-enabled": {
    severity: "warning",
    meaning: "A downgrade of the cluster is in progress, and goes on after a restore.",
  },
  "version-newer": {
    severity: "warning",
    meaning:
      "The version stored in the database is newer than every etcd that this Holdfast was tried with: what is new in it was not looked at.",
  },
  "compaction-unfinished": {
    severity: "warning",
    meaning:
      "A compaction was scheduled but not finished when the snapshot was taken. A server finishes it at boot.",
  },
} as const satisfies Record<string, FindingKind>;

export type FindingCode = keyof typeof FINDINGS;
