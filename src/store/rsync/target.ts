/** A place that rsync reaches, and how it is started for it. */
import { runProgram, type Ran, type RunOptions } from "../../io/run-program.ts";
import { StoreFailure } from "../failure.ts";
import { readGivenFile } from "../given-file.ts";
import type { Persistence } from "../retry.ts";
import { knownHostsFile, sshUser } from "../ssh/login.ts";
import type { StoreLocation } from "../store.ts";

export interface RsyncTarget {
  /** What rsync calls a path below the root; "" is the root itself. */
  at(path: string): string;
  /** Runs rsync. Throws "store-misconfigured" when there is none here. */
  run(args: readonly string[], how: Pick<RunOptions, "signal" | "heard">): Promise<Ran>;
}

/** Throws "store-misconfigured" for what is missing. */
export async function rsyncTarget(
  location: StoreLocation,
  { stallMs }: Persistence,
): Promise<RsyncTarget> {
  const seconds = Math.max(1, Math.ceil(stallMs / 1000));
  const isDaemon = location.scheme === "rsync";
  const base = isDaemon ? daemonBase(location) : `${sshUser(location)}@${host(location)}:/`;
  const usual = [
    "--no-human-readable",
    `--timeout=${seconds}`,
    ...(isDaemon ? [`--contimeout=${seconds}`] : ["-e", await remoteShell(location, seconds)]),
  ];
  const env = {
    ...location.env,
    RSYNC_PASSWORD: isDaemon ? await password(location) : "",
    // how arguments are quoted for the other side: as rsync does by itself, which restricted servers understand too
    RSYNC_OLD_ARGS: "0",
    RSYNC_PROTECT_ARGS: "0",
    // lists are read by us
    LC_ALL: "C",
    TZ: "UTC",
  };
  return {
    at: (path) => `${base}${location.path}/${path}`,
    async run(args, how) {
      try {
        return await runProgram("rsync", [...usual, ...args], { ...how, env });
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
        throw new StoreFailure("store-misconfigured", "there is no rsync on the PATH", {
          hint: "install rsync 3.2.4 or later",
          cause,
        });
      }
    },
  };
}

function daemonBase(location: StoreLocation): string {
  const { user, port } = location;
  const who = user === undefined ? "" : `${user}@`;
  return `rsync://${who}${host(location)}${port === undefined ? "" : `:${port}`}/`;
}

function host({ host: name, user = "" }: StoreLocation): string {
  if (name.startsWith("-") || user.startsWith("-"))
    throw new StoreFailure("store-misconfigured", "host and user cannot begin with a dash");
  return name.includes(":") ? `[${name}]` : name;
}

/** From the file, or the environment; empty, so that nobody is asked for it. */
async function password({ parameters, env }: StoreLocation): Promise<string> {
  const path = parameters.get("passwordFile");
  if (path === undefined) return env["RSYNC_PASSWORD"] ?? "";
  const text = (await readGivenFile(path)).toString();
  return text.split(/\r?\n/, 1)[0]!;
}

/** rsync takes it apart at blanks. */
async function remoteShell(location: StoreLocation, seconds: number): Promise<string> {
  const { port = 22, parameters } = location;
  const identity = parameters.get("identityFile");
  if (parameters.has("passphraseFile"))
    throw new StoreFailure(
      "store-unsupported",
      "rsync+ssh:// takes no passphraseFile: ssh would ask for it",
      { hint: "add the key to an agent (ssh-add), or use sftp://" },
    );
  const options = [
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    `UserKnownHostsFile=${plainPath(knownHostsFile(location))}`,
    `ConnectTimeout=${seconds}`,
    ...(identity === undefined ? [] : ["IdentitiesOnly=yes"]),
  ];
  const key = identity === undefined ? [] : ["-i", plainPath(identity)];
  // ssh goes on without it, and says only that nobody may log in
  if (identity !== undefined) await readGivenFile(identity);
  return ["ssh", "-p", port, ...key, ...options.flatMap((one) => ["-o", one])].join(" ");
}

function plainPath(path: string): string {
  if (/^[^\s"'\\%$]+$/.test(path)) return path;
  throw new StoreFailure(
    "store-misconfigured",
    `ssh cannot be told of ${JSON.stringify(path)}: it has blanks, quotes, % or $ in it`,
  );
}
