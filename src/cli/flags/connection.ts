/** How to reach a cluster: etcdctl's global flags and its environment, and what we add to them. */
import { Option, type Command } from "commander";
import { HoldfastError } from "../../errors.ts";
import type { EndpointOptions } from "../../etcd/cluster-client.ts";
import type { KeepAlive, User } from "../../etcd/connection-settings.ts";
import type { TlsSettings } from "../../etcd/tls-files.ts";
import { readSmallFile } from "../../io/small-file.ts";
import { systemWords } from "../../io/system-error.ts";
import { askPassword } from "../terminal/ask-password.ts";
import { fromGoFlags } from "../arguments.ts";
import type { Context } from "../context.ts";
import { parseDuration, parseTimer } from "./duration.ts";
import { parseInt64 } from "./go-integer.ts";

interface ConnectionFlags {
  readonly endpoints: readonly string[];
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly tlsServerName?: string;
  readonly insecureTransport: boolean;
  readonly insecureSkipTlsVerify: boolean;
  readonly insecureDiscovery: boolean;
  readonly discoverySrv?: string;
  readonly discoverySrvName?: string;
  readonly user?: string;
  readonly password?: string;
  readonly passwordFile?: string;
  readonly authJwtToken?: string;
  readonly dialTimeout: number;
  readonly commandTimeout?: number;
  readonly keepaliveTime?: number;
  readonly keepaliveTimeout?: number;
  /** Of `--no-progress`: commander takes the "no" for its own. */
  readonly progress: number;
}

/** What the flags and the environment say about a cluster. */
export interface ClusterSettings {
  readonly connection: EndpointOptions;
  /** How long further endpoints may take once one has answered. */
  readonly stragglersMs: number;
  /** For the whole command, where somebody asked for such a limit. */
  readonly commandTimeoutMs: number | undefined;
}

/** Adds the flags. Those of etcdctl can all be given as ETCDCTL_… in the environment. */
export function addConnectionFlags(command: Command): Command {
  for (const option of [...etcdctlOptions(), ...ownOptions(), ...ignoredOptions()])
    command.addOption(option);
  return command.addHelpText(
    "after",
    "\nEnvironment:\n  Each flag of etcdctl can be given as a variable: ETCDCTL_ENDPOINTS, ETCDCTL_CACERT,\n" +
      "  ETCDCTL_CERT, ETCDCTL_KEY, ETCDCTL_USER, ETCDCTL_PASSWORD, …\n" +
      "  A flag counts more than its variable.",
  );
}

const DEFAULT_ENDPOINTS: readonly string[] = ["127.0.0.1:2379"];

/** As in etcdctl: what they are called, what they mean, and that each has a variable. */
function etcdctlOptions(): Option[] {
  return [
    new Option("--endpoints <urls>", "members to talk to, comma-separated: the best one is taken")
      .argParser(splitEndpoints)
      .default(DEFAULT_ENDPOINTS, DEFAULT_ENDPOINTS[0]),
    new Option(
      "--cacert <file>",
      "the CA that the servers' certificates have to come from",
    ).argParser(notEmpty),
    new Option("--cert <file>", "client certificate").argParser(notEmpty),
    new Option("--key <file>", "key of the client certificate").argParser(notEmpty),
    new Option("--user <name>", "user name; the password is asked for if it is not given"),
    new Option("--password <password>", "password: rather use ETCDCTL_PASSWORD or --password-file"),
    new Option("--auth-jwt-token <token>", "a token instead of a user"),
    new Option("-d, --discovery-srv <domain>", "look for endpoints in this domain's SRV records"),
    new Option("--discovery-srv-name <name>", "suffix of the service name in the SRV records"),
    new Option("--insecure-discovery", "take endpoints without TLS from SRV records too").default(
      true,
    ),
    new Option("--insecure-skip-tls-verify", "take any server certificate").default(false),
    new Option(
      "--insecure-transport",
      "no TLS for endpoints without a scheme, unless a TLS flag asks for it",
    ).default(true),
    timer("--dial-timeout", "how long further endpoints may take once one has answered").default(
      2000,
      "2s",
    ),
    duration("--command-timeout", "a limit for the whole command (default: none)"),
    timer("--keepalive-time", "ping the server this often, 10s at least (default: never)"),
    timer("--keepalive-timeout", "give a ping up after this time (default: as --no-progress)"),
  ];
}

function ownOptions(): Option[] {
  return [
    new Option(
      "--tls-server-name <name>",
      "the name that the servers' certificates have to hold for",
    ),
    new Option("--password-file <file>", "a file with the password in its first line"),
    duration("--no-progress", "give up when nothing has moved for so long").default(30_000, "30s"),
  ];
}

/** Part of etcdctl's command line, without meaning here. */
function ignoredOptions(): Option[] {
  const numbers = ["--max-request-bytes <n>", "--max-recv-bytes <n>"];
  return [
    ...numbers.map((name) => new Option(name).argParser(parseInt64).hideHelp()),
    new Option("--hex").hideHelp(),
  ];
}

function duration(name: string, description: string): Option {
  return new Option(`${name} <duration>`, description).argParser(parseDuration);
}

/** In etcdctl none, or less, turns it off. */
function timer(name: string, description: string): Option {
  return new Option(`${name} <duration>`, description).argParser(parseTimer);
}

/** Given more than once, they add up. */
function splitEndpoints(text: string, before: readonly string[]): readonly string[] {
  const endpoints = text.split(",").map((one) => one.trim());
  return before === DEFAULT_ENDPOINTS ? endpoints : [...before, ...endpoints];
}

function notEmpty(text: string): string {
  if (text !== "") return text;
  throw new HoldfastError("usage", "the path of a certificate or key is empty", {
    hint: "leave the flag out, or give a file",
  });
}

/**
 * Reads the flags of a command line that has been parsed, and the environment for those that are not on it. Warns of
 * what is not safe. May ask for a password on the terminal.
 */
export async function clusterSettings(
  command: Command,
  context: Context,
): Promise<ClusterSettings> {
  applyEnvironment(command, context.env);
  const flags = command.opts<ConnectionFlags>();
  const { endpoints, discoverySrv: domain, authJwtToken: token } = flags;
  const user = await userOf(command, flags, context);
  const tls = tlsSettings(flags);
  warnOfRisks(flags, tls, context);
  return {
    connection: {
      endpoints,
      discovery: domain
        ? {
            domain,
            serviceName: flags.discoverySrvName ?? "",
            acceptPlain: flags.insecureDiscovery,
          }
        : undefined,
      tls,
      user,
      token,
      noProgressMs: flags.progress,
      keepAlive: keepAlive(flags),
    },
    stragglersMs: flags.dialTimeout > 0 ? flags.dialTimeout : flags.progress,
    commandTimeoutMs: flags.commandTimeout,
  };
}

function applyEnvironment(command: Command, env: Context["env"]): void {
  for (const option of etcdctlOptions()) {
    const long = option.long!;
    const variable = `ETCDCTL_${long.slice(2).toUpperCase().replaceAll("-", "_")}`;
    const text = env[variable];
    const name = option.attributeName();
    if (!text || command.getOptionValueSource(name) === "cli") continue;
    try {
      const value = option.isBoolean()
        ? fromGoFlags([`${long}=${text}`], [option])[0] === long
        : (option.parseArg?.(text, option.defaultValue as never) ?? text);
      command.setOptionValueWithSource(name, value, "env");
    } catch (cause) {
      const wanted = option.isBoolean() ? "true or false" : "a duration like 30s or 1m30s";
      throw new HoldfastError(
        "unknown-flag",
        `invalid value ${JSON.stringify(text)} in ${variable}: want ${wanted}`,
        { cause },
      );
    }
  }
}

function tlsSettings(flags: ConnectionFlags): TlsSettings | undefined {
  const strictDomain = flags.insecureDiscovery ? undefined : flags.discoverySrv;
  const tls = {
    caFile: flags.cacert,
    certFile: flags.cert,
    keyFile: flags.key,
    serverName: flags.tlsServerName ?? strictDomain,
    skipVerify: flags.insecureSkipTlsVerify,
  };
  const isWanted = Object.values(tls).some(Boolean) || !flags.insecureTransport;
  return isWanted ? tls : undefined;
}

/** etcd's servers close connections that ping more often; its own client raises the time to this as well. */
const LEAST_KEEPALIVE_MS = 10_000;

function keepAlive(flags: ConnectionFlags): KeepAlive | undefined {
  const { keepaliveTime = LEAST_KEEPALIVE_MS, keepaliveTimeout = 0 } = flags;
  const isWanted = flags.keepaliveTime !== undefined || flags.keepaliveTimeout !== undefined;
  if (!isWanted || keepaliveTime <= 0) return undefined;
  return {
    timeMs: Math.max(keepaliveTime, LEAST_KEEPALIVE_MS),
    timeoutMs: keepaliveTimeout > 0 ? keepaliveTimeout : flags.progress,
  };
}

async function userOf(
  command: Command,
  flags: ConnectionFlags,
  context: Context,
): Promise<User | undefined> {
  const { user: text, password, passwordFile, authJwtToken } = flags;
  if (!text) return undefined;
  if (authJwtToken !== undefined)
    throw new HoldfastError("usage", "--user and --auth-jwt-token exclude each other");
  const onCommandLine = (name: string): boolean => command.getOptionValueSource(name) === "cli";
  if (onCommandLine("password") || (onCommandLine("user") && text.includes(":") && !password))
    context.log.warn(
      "a password on the command line can be read by every user of this machine: use ETCDCTL_PASSWORD or --password-file",
    );
  if (password) return { name: text, password };
  const [, name = text, inline] = /^([^:]*):(.*)$/s.exec(text) ?? [];
  if (passwordFile !== undefined)
    return { name, password: await readPassword(passwordFile, context) };
  return { name, password: inline ?? (await askPassword(name, context)) };
}

async function readPassword(path: string, { signal }: Context): Promise<string> {
  const bytes = await readSmallFile(path, signal).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw unusablePassword(path, systemWords(cause), cause);
  });
  const [line = ""] = Buffer.from(bytes).toString().split(/\r?\n/, 1);
  if (line === "") throw unusablePassword(path, "its first line is empty");
  return line;
}

function unusablePassword(path: string, reason: string, cause?: unknown): HoldfastError {
  return new HoldfastError("usage", `cannot use the password file "${path}": ${reason}`, {
    hint: "give a file that this user may read, with the password in its first line",
    cause,
  });
}

function warnOfRisks(flags: ConnectionFlags, tls: TlsSettings | undefined, { log }: Context): void {
  if (flags.insecureSkipTlsVerify)
    log.warn(
      "--insecure-skip-tls-verify: the server's certificate is not checked, so anybody on the way can read and change what is transferred",
    );
  const plain = flags.endpoints.filter((text) => /^http:/i.test(text));
  if (tls !== undefined && plain.length > 0)
    log.warn(`not encrypted, although TLS is set up: ${plain.join(", ")} (https:// would be)`);
}
