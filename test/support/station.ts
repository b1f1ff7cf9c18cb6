/** A repository with its keys as `holdfast init` leaves them, and the commands that use them. */
import assert from "node:assert/strict";
import type { Manifest } from "../../src/repository/manifest.ts";
import { runCommand, type CommandResult, type CommandWorld } from "./cli.ts";
import type { Cluster } from "./etcd.ts";
import { scratch, type Scratch } from "./scratch.ts";

export interface Station extends Scratch {
  /** The folder of the repository, or its URL. */
  readonly repo: string;
  readonly cluster: string;
  /** A file that `init` wrote. */
  key(name: string): string;
  /** Flags for commands that seal and sign. */
  readonly writing: readonly string[];
  /** Flags for commands that open and trust. */
  readonly reading: readonly string[];
  /** Runs a command inside this process, whatever its exit status. */
  run(args: readonly string[], world?: CommandWorld): Promise<CommandResult>;
  /** Backs a cluster up; it has to succeed. */
  backup(cluster: Cluster, ...flags: string[]): Promise<Manifest>;
  /** Imports a snapshot; it has to succeed. */
  import(path: string, ...flags: string[]): Promise<Manifest>;
  /** Manifests, newest first. */
  list(): Promise<Manifest[]>;
}

/** A new repository in a folder that goes away, or at a URL. */
export async function station(cluster = "prod", url?: string): Promise<Station> {
  const folder = await scratch();
  const repo = url ?? folder.file("repository");
  const place = [`--repo=${repo}`, `--cluster=${cluster}`];
  const key = (name: string): string => folder.file("keys", name);
  const writing = [
    ...place,
    `--recipients-file=${key("recipients.txt")}`,
    `--signing-key=${key("signing-key")}`,
  ];
  const json = async (args: readonly string[]): Promise<never> => {
    const { status, stdout, stderr } = await runCommand([...args, "-o", "json"]);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout) as never;
  };
  await json(["init", ...place, `--out=${folder.file("keys")}`]);
  return {
    ...folder,
    repo,
    cluster,
    key,
    writing,
    reading: [
      ...place,
      `--identity=${key("identity.txt")}`,
      `--allowed-signers=${key("allowed-signers")}`,
    ],
    run: (args, world) => runCommand(args, world),
    backup: (from, ...flags) => json(["backup", ...writing, ...connectionFlags(from), ...flags]),
    import: async (path, ...flags) => {
      const [only] = (await json(["import", path, ...writing, ...flags])) as Manifest[];
      return only!;
    },
    list: () => json(["list", ...place]),
  };
}

/** How to reach a cluster, as etcdctl's flags say it. */
export function connectionFlags({ endpoints, tls, auth }: Cluster): string[] {
  const flags = [`--endpoints=${endpoints.join(",")}`];
  if (tls) flags.push(`--cacert=${tls.caFile}`, `--cert=${tls.certFile}`, `--key=${tls.keyFile}`);
  if (auth) flags.push(`--user=${auth.user}`, `--password=${auth.password}`);
  return flags;
}
