import { Argument, Command } from "commander";
import { bashScript } from "../completion/bash.ts";
import { fishScript } from "../completion/fish.ts";
import { commandNodes, type Node } from "../completion/tree.ts";
import { zshScript } from "../completion/zsh.ts";
import type { Context } from "../context.ts";
import { addHelpSections } from "../help.ts";

const SCRIPTS: Readonly<Record<string, (nodes: readonly Node[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/** `holdfast completion`. */
export function completionCommand(context: Context): Command {
  const command = new Command("completion")
    .description("Prints a script that completes commands, flags and their values.")
    .addArgument(new Argument("<shell>", "the shell to print it for").choices(Object.keys(SCRIPTS)))
    .action((shell: string) => {
      context.stdout.write(SCRIPTS[shell]!(commandNodes(command.parent!)));
    });
  return addHelpSections(command, {
    examples: [
      { what: "For this bash", command: "source <(holdfast completion bash)" },
      {
        what: "For every bash to come",
        command: "holdfast completion bash > /etc/bash_completion.d/holdfast",
      },
      { what: "For every zsh", command: 'holdfast completion zsh > "${fpath[1]}/_holdfast"' },
      {
        what: "For every fish",
        command: "holdfast completion fish > ~/.config/fish/completions/holdfast.fish",
      },
    ],
    failures: [],
  });
}
