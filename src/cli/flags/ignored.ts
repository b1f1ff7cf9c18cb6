import { Option, type Command } from "commander";
import { parseGoDuration } from "./duration.ts";
import { parseInt64 } from "./go-integer.ts";

/** etcdctl's global flags that take a value, and etcdutl's: `snapshot` of 3.4 and 3.5 takes them with a file too. */
const TEXTS = [
  "--auth-jwt-token",
  "--cacert",
  "--cert",
  "-d, --discovery-srv",
  "--discovery-srv-name",
  "--endpoints",
  "--key",
  "--password",
  "--user",
];
const DURATIONS = [
  "--command-timeout",
  "--dial-timeout",
  "--keepalive-time",
  "--keepalive-timeout",
  "--timeout",
];
const NUMBERS = ["--max-recv-bytes", "--max-request-bytes"];
const SWITCHES = [
  "--hex",
  "--insecure-discovery",
  "--insecure-skip-tls-verify",
  "--insecure-transport",
];

/**
 * Lets a command that works on a file be called as scripts call etcd's tools, which refuse values of another kind. The
 * help shows none of them.
 */
export function addIgnoredFlags(command: Command): void {
  const withValue = (name: string): Option => new Option(`${name} <value>`);
  const options = [
    ...TEXTS.map(withValue),
    ...DURATIONS.map((name) => withValue(name).argParser(parseGoDuration)),
    ...NUMBERS.map((name) => withValue(name).argParser(parseInt64)),
    ...SWITCHES.map((name) => new Option(name)),
  ];
  for (const option of options)
    if (command.options.every(({ long }) => long !== option.long))
      command.addOption(option.hideHelp());
}
