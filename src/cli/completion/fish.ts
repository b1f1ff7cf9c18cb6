import type { Flag, Node } from "./tree.ts";

/** A completion script for fish. */
export function fishScript(nodes: readonly Node[]): string {
  const commands = nodes.filter(({ words }) => words.length > 0);
  return `# Completion of holdfast for fish. Load it with: holdfast completion fish | source
function __holdfast_at --description 'Whether the command line names just this command so far'
  set --local command
  for word in (commandline -opc)[2..]
    switch (string join -- ' ' $command $word)
      case ${commands.map(({ words }) => quoted(words.join(" "))).join(" ")}
        set --append command $word
    end
  end
  test "$command" = "$argv[1]"
end
${nodes.flatMap(nodeLines).join("\n")}
`;
}

function nodeLines({ words, children, flags, choices }: Node): string[] {
  const at = `complete -c holdfast -n ${quoted(`__holdfast_at ${quoted(words.join(" "))}`)}`;
  return [
    ...children.map(({ name, summary }) => `${at} -f -a ${name} -d ${quoted(summary)}`),
    ...choices.map((choice) => `${at} -f -a ${choice}`),
    ...flags.map((flag) => `${at} ${flagArguments(flag)}`),
  ];
}

function flagArguments({ long, short, summary, takesValue, choices }: Flag): string {
  const names = [`-l ${long.slice(2)}`, ...(short === "" ? [] : [`-s ${short.slice(1)}`])];
  const value =
    choices.length > 0 ? [`-x -a ${quoted(choices.join(" "))}`] : takesValue ? ["-r"] : [];
  return [...names, ...value, `-d ${quoted(summary)}`].join(" ");
}

/** In fish's single quotes only a backslash and a quote need one. */
function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
