import type { Command } from "commander";

/** One command as a shell needs to know it. */
export interface Node {
  /** The words after `holdfast`; empty for the program itself. */
  readonly words: readonly string[];
  readonly children: readonly Child[];
  /** Flags of this command and of all above it. */
  readonly flags: readonly Flag[];
  /** What may stand as its first argument, where that is one of a few words. */
  readonly choices: readonly string[];
}

export interface Child {
  readonly name: string;
  readonly summary: string;
}

export interface Flag {
  /** `--write-out` */
  readonly long: string;
  /** `-w`, or "". */
  readonly short: string;
  readonly summary: string;
  readonly takesValue: boolean;
  /** What the value may be, where that is one of a few words; else it may be a file. */
  readonly choices: readonly string[];
}

/** Every command of the tree, the program first. */
export function commandNodes(program: Command): Node[] {
  return nodesBelow(program, [], []);
}

function nodesBelow(
  command: Command,
  words: readonly string[],
  inherited: readonly Flag[],
): Node[] {
  const help = command.createHelp();
  const flags = [...help.visibleOptions(command).flatMap(flagOf), ...inherited];
  const children = help.visibleCommands(command).map((child) => ({
    name: child.name(),
    summary: child.summary() || child.description(),
  }));
  const choices = command.registeredArguments[0]?.argChoices ?? [];
  const global = flags.filter(({ long }) => long !== "--help");
  return [
    { words, children, flags, choices },
    ...command.commands.flatMap((child) => nodesBelow(child, [...words, child.name()], global)),
  ];
}

function flagOf(option: Command["options"][number]): Flag[] {
  if (option.long === undefined) return [];
  return [
    {
      long: option.long,
      short: option.short ?? "",
      summary: option.description,
      takesValue: option.required || option.optional,
      choices: option.argChoices ?? [],
    },
  ];
}

/** What may follow some flags: a branch of the shell's `case`. */
export interface ValueBranch {
  /** `snapshot status --write-out`: the words of a command and a flag of it that takes a value. */
  readonly patterns: readonly string[];
  /** Empty for values that nobody can foresee but that may be files. */
  readonly choices: readonly string[];
}

/** All flags that take a value, those with the same choices together. */
export function valueBranches(nodes: readonly Node[]): ValueBranch[] {
  const found = new Map<string, { patterns: string[]; choices: readonly string[] }>();
  for (const { words, flags } of nodes) {
    for (const { long, short, choices } of flags.filter(({ takesValue }) => takesValue)) {
      const branch = found.get(choices.join()) ?? { patterns: [], choices };
      found.set(choices.join(), branch);
      for (const name of [long, short].filter((spelling) => spelling !== ""))
        branch.patterns.push([...words, name].join(" "));
    }
  }
  return [...found.values()];
}

/** Texts as one pattern of a `case` in bash and zsh. */
export function casePattern(texts: readonly string[]): string {
  return texts.map((text) => `"${text}"`).join(" | ");
}
