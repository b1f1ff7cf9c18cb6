import { casePattern, valueBranches, type Node, type ValueBranch } from "./tree.ts";

/** A completion script for zsh; works both sourced and as a file `_holdfast` in $fpath. */
export function zshScript(nodes: readonly Node[]): string {
  const commands = nodes.filter(({ words }) => words.length > 0);
  return `#compdef holdfast
# Completion of holdfast for zsh. Load it with: source <(holdfast completion zsh)
_holdfast() {
  local command= word previous=\${words[CURRENT-1]}
  local -a children flags
  for word in \${words[2,CURRENT-1]}; do
    case "\${command:+$command }$word" in
      ${casePattern(commands.map(({ words }) => words.join(" ")))}) command="\${command:+$command }$word" ;;
    esac
  done
  if [[ $PREFIX == --*=* ]]; then
    previous=\${PREFIX%%=*}
    compset -P '*='
  fi
  case "\${command:+$command }$previous" in
${valueBranches(nodes).map(valueBranch).join("\n")}
  esac
  case $command in
${nodes.map(nodeBranch).join("\n")}
  esac
  if [[ $PREFIX == -* ]]; then
    _describe -o flag flags
  elif (( \${#children} > 0 )); then
    _describe command children
  else
    _files
  fi
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _holdfast "$@"
else
  compdef _holdfast holdfast
fi
`;
}

function valueBranch({ patterns, choices }: ValueBranch): string {
  const offer = choices.length === 0 ? "_files" : `compadd -- ${choices.join(" ")}`;
  return `    ${casePattern(patterns)}) ${offer}; return ;;`;
}

function nodeBranch({ words, children, flags, choices }: Node): string {
  const next = [...children, ...choices.map((name) => ({ name, summary: "" }))];
  return `    "${words.join(" ")}")
      children=(${next.map(({ name, summary }) => described(name, summary)).join(" ")})
      flags=(${flags.map(({ long, summary }) => described(long, summary)).join(" ")})
      ;;`;
}

/** `name:text`, quoted for the shell. */
function described(name: string, text: string): string {
  const entry = text === "" ? name : `${name}:${text}`;
  return `'${entry.replaceAll("'", String.raw`'\''`)}'`;
}
