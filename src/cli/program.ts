import { Command, Help, Option } from "commander";
import { addSwitchesOff } from "./arguments.ts";
import type { Context } from "./context.ts";
import { addHelpSections, type Example } from "./help.ts";
import { packageVersion } from "./package-version.ts";
import { GROUPS, VERBS, type Verb } from "./verbs.ts";

const EXAMPLES: readonly Example[] = [
  {
    what: "Once: a repository, and keys for it",
    command: "holdfast init --repo s3://backups/etcd --out keys",
  },
  {
    what: "Every night: proven, sealed, signed, off-site, in one pass",
    command:
      "holdfast backup --repo s3://backups/etcd --recipients-file recipients.txt --signing-key signing-key --endpoints https://10.0.0.1:2379 --cacert ca.crt --cert client.crt --key client.key",
  },
  {
    what: "On the night: the plan, and then a data dir",
    command:
      "holdfast restore latest --repo s3://backups/etcd --identity identity.txt --allowed-signers allowed-signers --data-dir /var/lib/etcd",
  },
  {
    what: "A snapshot in a file, as with etcdctl, but proven while it streams",
    command: "holdfast snapshot save snapshot.db --endpoints https://10.0.0.1:2379",
  },
];

/**
 * The command tree. Only commands for which `wanted` says so are loaded and can run; the others are there by name
 * and summary, for the help and for suggestions.
 */
export async function createProgram(
  context: Context,
  wanted: (verb: Verb) => boolean,
): Promise<Command> {
  const program = new Command("holdfast")
    .description("Backup and disaster recovery for etcd.")
    .usage("<command> [flags]")
    .version(packageVersion(), "-V, --version", "print the version")
    .helpCommand("help [command...]", "print help for a command")
    .addOption(
      new Option("--log-format <format>", "events and errors on standard error")
        .choices(["text", "json"])
        .default("text"),
    )
    .option("--debug", "more events on standard error");
  addHelpSections(program, { examples: EXAMPLES, failures: [] });
  for (const { word, summary, description, examples } of GROUPS) {
    const group = program.command(word).summary(summary).description(description);
    addHelpSections(group.helpCommand(false), { examples, failures: [] });
  }
  for (const verb of VERBS) {
    const command = wanted(verb) ? (await verb.load())(context) : new Command(verb.words.at(-1));
    parentOf(program, verb).addCommand(command.summary(verb.summary));
  }
  adopt(program, context);
  return program;
}

function parentOf(program: Command, { words }: Verb): Command {
  return (
    program.commands.find((command) => words.length > 1 && command.name() === words[0]) ?? program
  );
}

/** What every command has in common: it throws instead of exiting, and prints through the context. */
function adopt(command: Command, context: Context): void {
  const { stdout } = context;
  command
    .helpOption("-h, --help", "print this help")
    .exitOverride()
    .configureHelp({
      showGlobalOptions: true,
      optionDescription: describeOption,
      subcommandTerm: (child) => child.name(),
    })
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      // What is left to it is the help of a family that was called without a command.
      writeErr: (text) => void stdout.write(text),
      outputError: () => {},
      getOutHelpWidth: () => ("columns" in stdout && Number(stdout.columns)) || 100,
    });
  addSwitchesOff(command);
  for (const child of command.commands) adopt(child, context);
}

/** That a switch is off when it is not given goes without saying. */
function describeOption(this: Help, option: Option): string {
  const isOff = option.isBoolean() && option.defaultValue === false;
  return isOff ? option.description : Help.prototype.optionDescription.call(this, option);
}
