import { casePattern, valueBranches, type Node, type ValueBranch } from "./tree.ts";

/**
 * A completion script for bash 4 and later, without bash-completion. Words are taken as they stand before the cursor;
 * readline breaks `--flag=value` in three, which is why an equals sign is skipped.
 */
export function bashScript(nodes: readonly Node[]): string {
  const commands = nodes.filter(({ words }) => words.length > 0);
  return `# Completion of holdfast for bash. Load it with: source <(holdfast completion bash)
_holdfast() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} command= word words= flags=
  [[ $current == = ]] && current=
  [[ $previous == = ]] && previous=\${COMP_WORDS[COMP_CWORD - 2]}
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${command:+$command }$word" in
      ${casePattern(commands.map(({ words }) => words.join(" ")))}) command="\${command:+$command }$word" ;;
    esac
  done
  case "\${command:+$command }$previous" in
${valueBranches(nodes).map(valueBranch).join("\n")}
  esac
  case $command in
${nodes.map(nodeBranch).join("\n")}
  esac
  [[ $current == -* ]] && words=$flags
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _holdfast holdfast
`;
}

/** For a value that may be a file nothing is offered: bash then completes files by itself. */
function valueBranch({ patterns, choices }: ValueBranch): string {
  return `    ${casePattern(patterns)})
      COMPREPLY=($(compgen -W "${choices.join(" ")}" -- "$current"))
      return
      ;;`;
}

function nodeBranch({ words, children, flags, choices }: Node): string {
  const next = [...children.map(({ name }) => name), ...choices].join(" ");
  const names = flags.flatMap(({ long, short }) => [long, short]).filter((name) => name !== "");
  return `    "${words.join(" ")}") words="${next}" flags="${names.join(" ")}" ;;`;
}
