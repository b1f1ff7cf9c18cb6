import { CommanderError, type Command } from "commander";
import { createLog, type Log, type LogSettings } from "../io/log.ts";
import { fromGoFlags, locateCommand, type Located } from "./arguments.ts";
import type { Context } from "./context.ts";
import { failureOf, wasPrinted } from "./failure.ts";
import { createProgram } from "./program.ts";
import { createProgressBar } from "./terminal/progress.ts";
import { GROUPS, VERBS, type Verb } from "./verbs.ts";

/** What `main` knows of the outside world; log and progress bar are made of it. */
export type World = Omit<Context, "log" | "progress">;

/** Runs one command line (without the program's name) to its end and gives the exit status. Never throws. */
export async function run(argv: readonly string[], world: World): Promise<number> {
  const terminal = world.stderr.isTTY === true && obeysEscapes(world.env);
  const settings: LogSettings = {
    format: logFormat(argv),
    debug: false,
    color: terminal && !world.env["NO_COLOR"],
  };
  const bar = createProgressBar(world.stderr, () => terminal && settings.format === "text");
  const log = createLog(bar.writeLine, settings);
  const context: Context = { ...world, log, progress: bar.start };
  let path = "holdfast";
  try {
    const { words, rest } = locate(argv);
    const program = await createProgram(context, wantedBy(words));
    program.on("option:debug", () => (settings.debug = true));
    const commands = commandsOf(program, words);
    path = commands.map((command) => command.name()).join(" ");
    await program
      .parseAsync(commandLine(commands, words, rest), { from: "user" })
      .catch(unlessPrinted);
    await flush(world.stdout);
    world.signal.throwIfAborted();
    return 0;
  } catch (error) {
    return report(error, path, log, settings.format);
  }
}

/** What --log-format says, also on a command line that makes no sense otherwise: the error has to have that form. */
function logFormat(argv: readonly string[]): LogSettings["format"] {
  const end = argv.indexOf("--");
  const flags = end < 0 ? argv : argv.slice(0, end);
  const last = flags.findLastIndex((flag) => /^--log-format(?:=|$)/.test(flag));
  const separate = flags[last] === "--log-format";
  const value = separate ? flags[last + 1] : flags[last]?.slice("--log-format=".length);
  return value === "json" ? "json" : "text";
}

/** A terminal that nobody has named, or that is dumb, would print escape sequences instead of obeying them. */
function obeysEscapes({ TERM }: Context["env"]): boolean {
  return Boolean(TERM) && TERM !== "dumb";
}

/** Which commands have to be there for these words. */
function wantedBy(words: readonly string[]): (verb: Verb) => boolean {
  const isNamed = (verb: Verb): boolean => verb.words.join() === words.join();
  return VERBS.find(isNamed)?.readsTree ? () => true : isNamed;
}

/** Whether these words are followed by another before the command is complete. */
function isGroup(words: readonly string[]): boolean {
  return (
    words.length === 1 && (words[0] === "help" || GROUPS.some(({ word }) => word === words[0]))
  );
}

/** `holdfast help inspect` is `holdfast inspect --help`; a family or the program alone prints its help as well. */
function locate(argv: readonly string[]): Located {
  const { words, rest } = locateCommand(argv, isGroup);
  if (words[0] === "help")
    return { ...locateCommand([...words.slice(1), ...rest], isGroup), rest: ["--help"] };
  const isIncomplete = words.length === 0 || isGroup(words);
  return { words, rest: isIncomplete && rest.length === 0 ? ["--help"] : rest };
}

/** The commands that the words name, outermost first, the program included; fewer where a word leads nowhere. */
function commandsOf(program: Command, words: readonly string[]): Command[] {
  const found = [program];
  for (const word of words) {
    const child = found.at(-1)!.commands.find((command) => command.name() === word);
    if (child === undefined) break;
    found.push(child);
  }
  return found;
}

/** Words that lead nowhere are parsed alone, so that the message is about them and not about their flags. */
function commandLine(
  commands: readonly Command[],
  words: readonly string[],
  rest: readonly string[],
): readonly string[] {
  if (commands.length <= words.length) return words;
  return [
    ...words,
    ...fromGoFlags(
      rest,
      commands.flatMap((command) => command.options),
    ),
  ];
}

/** Help and version end the parsing of a command line by an error that is none. */
function unlessPrinted(error: unknown): void {
  if (!(error instanceof CommanderError) || !wasPrinted(error)) throw error;
}

/** Waits until everything written so far has left the process. */
async function flush(stream: Context["stdout"]): Promise<void> {
  await new Promise<void>((resolve) => stream.write("", () => resolve()));
}

/** In text the hint has a line of its own; in JSON it is one event with everything. */
function report(error: unknown, command: string, log: Log, format: LogSettings["format"]): number {
  const { exitStatus, code, message, hint } = failureOf(error, command);
  if (message === undefined) return exitStatus;
  if (format === "json") log.error(message, { code, exitStatus, hint });
  else {
    log.error(message);
    if (hint !== undefined) log.info(`Hint: ${hint}`);
  }
  if (error instanceof Error) log.debug(error.stack ?? error.message);
  return exitStatus;
}
