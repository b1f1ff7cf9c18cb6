import { Option, type Command } from "commander";

/** etcdctl's global flags that take a value, and etcdutl's: `snapshot status` of 3.4 and 3.5 takes them all. */
const WITH_VALUE = [
  "--auth-jwt-token",
  "--cacert",
  "--cert",
  "--command-timeout",
  "--dial-timeout",
  "-d, --discovery-srv",
  "--discovery-srv-name",
  "--endpoints",
  "--keepalive-time",
  "--keepalive-timeout",
  "--key",
  "--max-recv-bytes",
  "--max-request-bytes",
  "--password",
  "--timeout",
  "--user",
];
const SWITCHES = [
  "--hex",
  "--insecure-discovery",
  "--insecure-skip-tls-verify",
  "--insecure-transport",
];

/** Lets a command that works on a file be called as scripts call etcd's tools. The help shows none of them. */
export function addIgnoredFlags(command: Command): void {
  for (const flags of [...WITH_VALUE.map((name) => `${name} <value>`), ...SWITCHES]) {
    const option = new Option(flags).hideHelp();
    if (command.options.every(({ long }) => long !== option.long)) command.addOption(option);
  }
}
