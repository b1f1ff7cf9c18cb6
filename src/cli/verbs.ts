/**
 * Every command: its words, its line in the help, and where it is. A command's file, and all that it needs, is loaded
 * only when that command is the one to run (or when the whole tree is wanted: completion, documentation).
 */
import type { Command } from "commander";
import type { Context } from "./context.ts";
import type { Example } from "./help.ts";

export interface Verb {
  readonly words: readonly string[];
  readonly summary: string;
  readonly load: () => Promise<(context: Context) => Command>;
  /** It reads the whole tree: every command is loaded for it. */
  readonly readsTree?: true;
}

export interface Group {
  readonly word: string;
  readonly summary: string;
  readonly description: string;
  readonly examples: readonly Example[];
}

/** Words that stand for a family of commands. */
export const GROUPS: readonly Group[] = [
  {
    word: "snapshot",
    summary: "take, check and restore snapshots: a drop-in for etcdctl and etcdutl",
    description:
      "Takes, checks and restores snapshots, with the flags, outputs and exit statuses of etcdctl and etcdutl.",
    examples: [
      { what: "All about one of them", command: "holdfast snapshot save --help" },
      {
        what: "As with etcdutl",
        command: "holdfast snapshot status snapshot.db --write-out=table",
      },
    ],
  },
  {
    word: "store",
    summary: "look at places where backups rest",
    description: "Looks at places where backups rest: folders, buckets, servers.",
    examples: [
      { what: "Can backups be kept there?", command: "holdfast store check /var/backups/etcd" },
    ],
  },
];

export const VERBS: readonly Verb[] = [
  {
    words: ["snapshot", "save"],
    summary: "save a snapshot of a live cluster to a file, proven while it streams",
    load: async () => (await import("./commands/snapshot-save.ts")).snapshotSaveCommand,
  },
  {
    words: ["snapshot", "status"],
    summary: "print hash, revision, keys and size of a snapshot, and prove it",
    load: async () => (await import("./commands/snapshot-status.ts")).snapshotStatusCommand,
  },
  {
    words: ["snapshot", "restore"],
    summary: "make a data dir for a member of a new cluster from a snapshot",
    load: async () => (await import("./commands/snapshot-restore.ts")).snapshotRestoreCommand,
  },
  {
    words: ["inspect"],
    summary: "prove a snapshot, and print all that one pass over it learns",
    load: async () => (await import("./commands/inspect.ts")).inspectCommand,
  },
  {
    words: ["hashkv"],
    summary: "print the key-value hash of a snapshot, or of every member of a live cluster",
    load: async () => (await import("./commands/hashkv.ts")).hashkvCommand,
  },
  {
    words: ["init"],
    summary: "make a repository, its keys, and the page that brings everything back",
    load: async () => (await import("./commands/init.ts")).initCommand,
  },
  {
    words: ["backup"],
    summary: "back a live cluster up into repositories, proven, sealed and signed in one pass",
    load: async () => (await import("./commands/backup.ts")).backupCommand,
  },
  {
    words: ["restore"],
    summary: "make data dirs from a backup: planned, proven, safe for Kubernetes",
    load: async () => (await import("./commands/restore.ts")).restoreCommand,
  },
  {
    words: ["cat"],
    summary: "write the plain snapshot of a backup to standard output",
    load: async () => (await import("./commands/cat.ts")).catCommand,
  },
  {
    words: ["list"],
    summary: "list the backups of a cluster, newest first, and when each was last proven",
    load: async () => (await import("./commands/list.ts")).listCommand,
  },
  {
    words: ["show"],
    summary: "print all that is known of one backup",
    load: async () => (await import("./commands/show.ts")).showCommand,
  },
  {
    words: ["verify"],
    summary: "prove backups at rest, and put it on record",
    load: async () => (await import("./commands/verify.ts")).verifyCommand,
  },
  {
    words: ["copy"],
    summary: "copy what another repository lacks into it, byte for byte",
    load: async () => (await import("./commands/copy.ts")).copyCommand,
  },
  {
    words: ["pin"],
    summary: "keep a backup, whatever the rules say",
    load: async () => (await import("./commands/pin.ts")).pinCommand,
  },
  {
    words: ["unpin"],
    summary: "take the pin of a backup away",
    load: async () => (await import("./commands/pin.ts")).unpinCommand,
  },
  {
    words: ["prune"],
    summary: "remove the backups that no rule keeps, with a reason for each",
    load: async () => (await import("./commands/prune.ts")).pruneCommand,
  },
  {
    words: ["remove"],
    summary: "remove one backup, unless something protects it",
    load: async () => (await import("./commands/remove.ts")).removeCommand,
  },
  {
    words: ["import"],
    summary: "make backups of snapshots that other tools took",
    load: async () => (await import("./commands/import.ts")).importCommand,
  },
  {
    words: ["rekey"],
    summary: "seal backups to other recipients",
    load: async () => (await import("./commands/rekey.ts")).rekeyCommand,
  },
  {
    words: ["store", "check"],
    summary: "try and measure a store, and say what it can do",
    load: async () => (await import("./commands/store-check.ts")).storeCheckCommand,
  },
  {
    words: ["version"],
    summary: "print the version, and what it runs on",
    load: async () => (await import("./commands/version.ts")).versionCommand,
  },
  {
    words: ["completion"],
    summary: "print a completion script for bash, zsh or fish",
    load: async () => (await import("./commands/completion.ts")).completionCommand,
    readsTree: true,
  },
];
