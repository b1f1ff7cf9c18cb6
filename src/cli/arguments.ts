/**
 * Command lines written for etcd's tools, in the shape that commander reads. Go's flag package lets flags stand in
 * front of the command (`etcdctl --endpoints=… snapshot save FILE`), gives switches a value (`--hex=false`) and
 * short flags an equals sign (`-w=json`).
 */
import { Option, type Command } from "commander";
import { HoldfastError } from "../errors.ts";

/**
 * Flags that may stand in front of a command and take no value, or only one behind an equals sign; whatever else stands
 * there takes one.
 */
export const SWITCHES: ReadonlySet<string> = new Set([
  "-h",
  "--help",
  "-V",
  "--version",
  "--all",
  "--all-members",
  "--debug",
  "--dry-run",
  "--exact-revision",
  "--hex",
  "--init",
  "--insecure-discovery",
  "--insecure-skip-tls-verify",
  "--insecure-transport",
  "--keep-alarms",
  "--keep-damaged",
  "--keep-downgrade",
  "--keep-free-pages",
  "--list-only",
  "--mark-compacted",
  "--read-data",
  "--read-stored",
  "--rebuild-cache",
  "--require-trailer",
  "--skip-hash-check",
  "--skip-signature-check",
  "--yes",
]);

export interface Located {
  /** The words that name the command: none, ["inspect"], ["snapshot"], ["snapshot", "save"], … */
  readonly words: readonly string[];
  /** Everything else, in order. */
  readonly rest: readonly string[];
}

/** Finds the command's words among the flags in front of them. `isGroup` tells which words are followed by another. */
export function locateCommand(
  argv: readonly string[],
  isGroup: (words: readonly string[]) => boolean,
): Located {
  const words: string[] = [];
  const flags: string[] = [];
  let at = 0;
  while (at < argv.length && argv[at] !== "--") {
    const token = argv[at++]!;
    if (token.startsWith("-")) {
      flags.push(token);
      const takesValue = !hasValue(token) && !SWITCHES.has(token);
      if (takesValue && at < argv.length) flags.push(argv[at++]!);
    } else {
      words.push(token);
      if (!isGroup(words)) break;
    }
  }
  return { words, rest: [...flags, ...argv.slice(at)] };
}

/** `--write-out=json`, `-w=json` or `-wjson`. */
function hasValue(token: string): boolean {
  return token.includes("=") || /^-[A-Za-z]./.test(token);
}

/**
 * Lets every switch of a command be turned off again, as `--switch=false` does in Go: commander needs a `--no-switch`
 * for that. They do not show in the help.
 */
export function addSwitchesOff(command: Command): void {
  for (const option of command.options) {
    const off = option.long?.replace(/^--/, "--no-");
    if (!option.isBoolean() || option.negate || off === undefined) continue;
    if (command.options.some(({ long }) => long === off)) continue;
    command.addOption(new Option(off).hideHelp());
  }
}

/**
 * Rewrites Go's spellings up to a `--`; values of flags stay as they are. Throws "unknown-flag" for a switch with a
 * value that is no truth value.
 */
export function fromGoFlags(argv: readonly string[], options: readonly Option[]): string[] {
  const out: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const token = argv[at]!;
    if (token === "--") return [...out, ...argv.slice(at)];
    out.push(fromGoFlag(token, options));
    const option = options.find(({ long, short }) => long === token || short === token);
    if (option?.required === true && at + 1 < argv.length) out.push(argv[++at]!);
  }
  return out;
}

function fromGoFlag(token: string, options: readonly Option[]): string {
  if (/^-[A-Za-z]=/.test(token)) return token.slice(0, 2) + token.slice(3);
  const [, name, value] = /^(--[^=]+)=(.*)$/s.exec(token) ?? [];
  if (name === undefined || value === undefined) return token;
  const option = options.find(({ long }) => long === name);
  // The nearest that exists is looked for by the name alone.
  if (option === undefined) return name;
  if (!option.isBoolean()) return token;
  return truthValue(name, value) ? name : name.replace(/^--/, "--no-");
}

/** What Go's strconv.ParseBool takes. */
function truthValue(name: string, value: string): boolean {
  if (/^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw new HoldfastError(
    "unknown-flag",
    `invalid value ${JSON.stringify(value)} for ${name}: want true or false`,
  );
}
