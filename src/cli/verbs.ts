/**
 * Every command: its words, its line in the help, and where it is. A command's file, and all that it needs, is loaded
 * only when that command is the one to run (or when the whole tree is wanted: completion, documentation).
 */
import type { Command } from "commander";
import type { Context } from "./context.ts";

export interface Verb {
  readonly words: readonly string[];
  readonly summary: string;
  readonly load: () => Promise<(context: Context) => Command>;
}

export interface Group {
  readonly word: string;
  readonly summary: string;
  readonly description: string;
}

/** Words that stand for a family of commands. */
export const GROUPS: readonly Group[] = [
  {
    word: "snapshot",
    summary: "take, check and restore snapshots: a drop-in for etcdctl and etcdutl",
    description:
      "Takes, checks and restores snapshots, with the flags, outputs and exit statuses of etcdctl and etcdutl.",
  },
];

export const VERBS: readonly Verb[] = [
  {
    words: ["version"],
    summary: "print the version, and what it runs on",
    load: async () => (await import("./version.ts")).versionCommand,
  },
];
